"""VCTK: speakers of English with many accents, a text file for each recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import read_text
from ..layout import CorpusUtterance, Layout, within


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    home = within(folder, "VCTK-Corpus-0.92", "VCTK-Corpus")
    place = within(home, "wav48_silence_trimmed", "wav48")
    for path in sorted((home / "txt").glob("*/*.txt")):
        speaker = path.parent.name
        # Since 0.92 there are two microphones; all recordings have the first.
        names = (f"{path.stem}_mic1.flac", f"{path.stem}.wav", f"{path.stem}.flac")
        found = (place / speaker / name for name in names)
        audio = next((one for one in found if one.exists()), place / speaker / names[0])
        text = " ".join(read_text(path).split()).strip('"')
        yield CorpusUtterance(f"{path}:1", AudioReference(audio), text, "", speaker)


VCTK = Layout(
    "vctk", "VCTK", "https://datashare.ed.ac.uk/handle/10283/3443",
    "txt/SPEAKER/*.txt and wav48_silence_trimmed/SPEAKER/*_mic1.flac, or wav48", _read, "en",
)  # fmt: skip
