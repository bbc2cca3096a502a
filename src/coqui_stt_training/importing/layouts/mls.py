"""Multilingual LibriSpeech: a folder for each set, with transcripts.txt and audio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...corpus.sources.text_file import numbered_lines
from ..layout import CorpusUtterance, Layout

_LANGUAGES = {"english": "en", "german": "de", "dutch": "nl", "spanish": "es", "french": "fr",
              "portuguese": "pt", "italian": "it", "polish": "pl"}  # fmt: skip


def _read(folder: Path) -> Iterator[CorpusUtterance]:
    for path in sorted(folder.glob("*/transcripts.txt")):
        split = path.parent.name
        for number, line in numbered_lines(path):
            name, _, text = line.partition("\t")
            speaker, _, rest = name.partition("_")
            place = path.parent / "audio" / speaker / rest.partition("_")[0] / name
            flac = place.with_name(f"{name}.flac")
            audio = flac if flac.exists() else place.with_name(f"{name}.opus")
            yield CorpusUtterance(f"{path}:{number}", AudioReference(audio), text, split, speaker)


def _language(folder: Path) -> str:
    words = folder.resolve().name.lower().split("_")
    return next((_LANGUAGES[word] for word in words if word in _LANGUAGES), "")


MLS = Layout(
    "mls", "Multilingual LibriSpeech", "https://www.openslr.org/94",
    "SET/transcripts.txt and SET/audio/SPEAKER/BOOK", _read, language_of=_language,
)  # fmt: skip
