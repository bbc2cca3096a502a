"""Align texts with recordings, word by word, and cut long recordings into training clips.

python -m coqui_stt_training.align --checkpoint_dir my-model --audio book.mp3 --text book.txt \\
    --clips clips
"""

from __future__ import annotations

from dataclasses import dataclass

from stt.output_path import check_output_folder

from .cli.command import command, start_logging
from .cli.config import LogFlags
from .cli.data_flags import Names, vad_aggressiveness_flag
from .cli.flags import flag, parse, positive
from .cli.shared_flags import SHARED
from .errors import FlagError

PROGRAM = "python -m coqui_stt_training.align"
_FORMATS = ("json", "TextGrid", "ctm", "srt")
_EPILOG = """examples:
  python -m coqui_stt_training.align --checkpoint_dir my-model --files train.csv --out times
  python -m coqui_stt_training.align --checkpoint_dir my-model --audio book.mp3 --text book.txt \\
      --clips clips --out times
"""


@dataclass(frozen=True)
class AlignFlags:
    """Alignment."""

    checkpoint_dir: str = flag("", "model: a checkpoint folder, .tflite or .onnx")
    audio: Names = flag([], "recordings of any length")
    text: Names = flag(
        [], "one UTF-8 text file for each recording; text that is not spoken is left out"
    )
    files: Names = flag([], "collections as for training; each transcript is aligned with its clip")
    out: str = flag("", "output folder for files with the times of words and characters")
    formats: Names = flag(list(_FORMATS), "output formats: json, TextGrid, ctm, srt")
    clips: str = flag("", "output folder for a data set of clips cut from the recordings")
    shortest_clip: float = flag(1.0, "minimum clip length in seconds", check=positive)
    longest_clip: float = flag(15.0, "maximum clip length in seconds", check=positive)
    romanize: bool = flag(False, "romanize the text for the model (uroman)")
    character_map: str = flag(
        "", "table to write text in the model's script; each line: text, tab, replacement"
    )
    vad_aggressiveness: int = vad_aggressiveness_flag()

    def __post_init__(self) -> None:
        unknown = sorted(set(self.formats) - set(_FORMATS))
        if unknown:
            raise FlagError(f"--formats {' '.join(unknown)}: must be among {', '.join(_FORMATS)}")
        if self.romanize and self.character_map:
            raise FlagError("--romanize and --character_map exclude each other; leave one out")
        if self.longest_clip <= self.shortest_clip:
            raise FlagError("--longest_clip must be greater than --shortest_clip")


@dataclass(frozen=True)
class AlignConfig:
    """All flags of `align`."""

    alignment: AlignFlags = AlignFlags()
    output: LogFlags = LogFlags()


@command
def main(argv: list[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: flags exclude each other, a model or file cannot be read, or a text does not
            belong to its recording.
    """
    parsed = parse(
        AlignConfig,
        argv,
        program=PROGRAM,
        description="Align text with speech, word by word; cut long recordings into clips.",
        epilog=_EPILOG,
        tolerated=SHARED,
    )
    flags = parsed.config.alignment
    start_logging(parsed.config.output.log_level, parsed.notices)
    _check(flags)

    from .aligning.run import run_alignment  # NumPy is slow to import

    run_alignment(flags, parsed.config.output)
    return 0


def _check(flags: AlignFlags) -> None:
    if not flags.checkpoint_dir:
        raise FlagError("no model; give --checkpoint_dir")
    if bool(flags.files) == bool(flags.audio):
        raise FlagError("give either --audio with --text, or --files")
    if len(flags.audio) != len(flags.text):
        raise FlagError(
            f"--audio lists {len(flags.audio)} recordings but --text {len(flags.text)} texts; "
            "give one text for each recording"
        )
    if flags.clips and flags.files:
        raise FlagError(
            "--clips: the data of --files consists of clips already; give --audio and --text "
            "instead"
        )
    if not flags.out and not flags.clips:
        raise FlagError("no output; give --out or --clips")
    for name, folder in (("out", flags.out), ("clips", flags.clips)):
        if folder:
            check_output_folder(f"--{name}", folder)


if __name__ == "__main__":
    main()
