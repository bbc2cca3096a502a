"""The command that trains on a data set."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stt.counted import counted

from ..corpus.normalization import Normalizer
from .spelling import DeskSpelling

_FEWEST_CLIPS = 20


@dataclass(frozen=True)
class Advice:
    """A command to copy, and remarks about it."""

    command: str
    remarks: tuple[str, ...]


def training_command(
    data_set: Path, model: str, spelling: DeskSpelling, texts: Iterable[str]
) -> Advice:
    """Return the command that trains on the data set.

    Args:
        data_set: the CSV file.
        model: the model that made the drafts; empty: none.
        spelling: the alphabet of that model, and how texts are normalized.
        texts: the transcripts so far.
    """
    listed = list(texts)
    remarks = []
    if len(listed) < _FEWEST_CLIPS:
        remarks.append(
            f"{counted(len(listed), 'clip')} so far: a first training makes sense from "
            f"{_FEWEST_CLIPS} clips on; a useful model needs some minutes of speech."
        )
    result = f"{data_set.with_suffix('')}-model"
    if not model:
        words = ["bootstrap", str(data_set), "--source", "SOURCE", "--out", result]
        remarks.append(
            "SOURCE is a pre-trained model; python -m coqui_stt_training.sources lists some."
        )
        return Advice(_joined(words), tuple(remarks))
    source = model
    if Path(model).suffix == ".onnx":
        source = "CHECKPOINT"
        remarks.append(f"CHECKPOINT is the folder from which {Path(model).name} was exported.")
    words = ["train", "--train_files", str(data_set), "--load_checkpoint_dir", source]
    words += ["--save_checkpoint_dir", result, *_spelling_flags(spelling, listed, remarks)]
    return Advice(_joined(words), tuple(remarks))


def _spelling_flags(spelling: DeskSpelling, texts: list[str], remarks: list[str]) -> list[str]:
    """Return the flags for texts with characters that are not in the model's alphabet."""
    if spelling.alphabet is None or not any(map(spelling.unwritable, texts)):
        return []
    normalize = Normalizer(spelling.alphabet)
    normalized = [normalize(text).text for text in texts]
    flags = ["--normalize_transcripts", "true"] if normalized != texts else []
    new = sorted({one for text in normalized for one in spelling.unwritable(text)})
    if new:
        flags += ["--extend_alphabet", "true"]
        remarks.append(f"The model learns to write new characters: {' '.join(new)}")
    return flags


def _joined(words: list[str]) -> str:
    """Return a command line with each flag on a line of its own."""
    lines = ["python -m coqui_stt_training." + words[0]]
    for word in words[1:]:
        if word.startswith("--"):
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {shlex.quote(word)}"
    return " \\\n".join(lines)
