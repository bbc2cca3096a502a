"""The flags of commands that transcribe unlabelled audio with a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stt.output_path import check_output_file, check_output_list

from ..errors import FlagError
from .data_flags import Names, vad_aggressiveness_flag
from .flags import flag, positive


@dataclass(frozen=True)
class UnlabelledFlags:
    """Recordings and model."""

    checkpoint_dir: str = flag("", "model: a checkpoint folder, .tflite or .onnx")
    unlabelled_files: Names = flag(
        [], "audio files of any length, folders of them, or collections; transcripts are ignored"
    )
    dev_files: Names = flag([], "collections to validate on; their audio is left out")
    test_files: Names = flag([], "collections to evaluate on; their audio is left out")
    longest_clip: float = flag(
        20.0, "maximum clip length in seconds; longer recordings are cut at pauses", check=positive
    )
    vad_aggressiveness: int = vad_aggressiveness_flag()

    def check(self, out: str, endings: Sequence[str]) -> None:
        """Check that required flags are given, and that the output file can be written.

        Args:
            out: the file to write.
            endings: allowed endings of its name.

        Raises:
            FlagError: a flag is missing, or the file's name is wrong, or it cannot be written.
        """
        needed = (
            ("checkpoint_dir", "no model", self.checkpoint_dir),
            ("unlabelled_files", "no recordings", self.unlabelled_files),
            ("out", "no output file", out),
        )
        if missing := [f"{what}: give --{name}" for name, what, value in needed if not value]:
            raise FlagError("; ".join(missing))
        if not out.endswith(tuple(endings)):
            raise FlagError(f"--out {out}: its name must end in {' or '.join(endings)}")
        sources = (*self.unlabelled_files, *self.dev_files, *self.test_files)
        if out.endswith(".csv"):
            check_output_list("--out", out, "confidence", sources)
        else:
            check_output_file("--out", out, sources)
