"""LibriSpeech: a folder for each set, in it one for each reader and chapter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import numbered_lines
from ..layout import CorpusUtterance, Layout, within


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    home = within(folder, "LibriSpeech")
    for path in sorted(home.glob("*/*/*/*.trans.txt")):
        split, speaker = path.relative_to(home).parts[:2]
        for number, line in numbered_lines(path):
            name, _, text = line.partition(" ")
            audio = AudioReference(path.parent / f"{name}.flac")
            yield CorpusUtterance(f"{path}:{number}", audio, text, split, speaker)


LIBRISPEECH = Layout(
    "librivox", "LibriSpeech", "https://www.openslr.org/12",
    "SET/READER/CHAPTER/READER-CHAPTER.trans.txt", _read, "en",
)  # fmt: skip
