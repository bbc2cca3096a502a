"""A folder of recordings, each with its transcript in a `.txt` of the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.folder import audio_files
from stt.audio.reference import AudioReference

from ...errors import CorpusError
from ..rows import Entry
from .text_file import read_text


def is_folder(path: Path) -> bool:
    """Whether a folder holds a recording with a text, at any depth."""
    return any(text for audio in audio_files(path, recursive=True) if (text := _text_of(audio)))


def entries(path: Path) -> Iterator[Entry]:
    """Yield each recording with its transcript, in the order of their names."""
    for number, audio in enumerate(audio_files(path, recursive=True)):
        text = _text_of(audio)
        if text is None:
            problem = f"no {audio.stem}.txt is beside it"
            yield Entry(str(audio), number, "", AudioReference(audio), problem)
            continue
        try:
            transcript = " ".join(read_text(text).split())
        except CorpusError as error:
            yield Entry(str(audio), number, "", AudioReference(audio), str(error))
            continue
        yield Entry(f"{text}:1", number, transcript, AudioReference(audio))


def _text_of(audio: Path) -> Path | None:
    text = audio.with_suffix(".txt")
    return text if text.is_file() else None
