"""LDC93S1: one sentence of TIMIT, for first trials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import numbered_lines
from ..layout import CorpusUtterance, Layout


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    path = folder / "LDC93S1.txt"
    if path.is_file():
        for number, line in numbered_lines(path):
            text = " ".join(line.split()[2:])  # after two numbers of samples
            audio = AudioReference(folder / "LDC93S1.wav")
            yield CorpusUtterance(f"{path}:{number}", audio, text, "ldc93s1")


LDC93S1 = Layout(
    "ldc93s1", "LDC93S1", "https://catalog.ldc.upenn.edu/LDC93S1", "LDC93S1.wav and LDC93S1.txt",
    _read, "en",
)  # fmt: skip
