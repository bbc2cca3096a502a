"""Recordings without texts: an audio file, or a folder of audio files at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.folder import SUFFIXES, audio_files
from stt.audio.reference import AudioReference

from ..rows import Entry


def is_audio_file(path: Path) -> bool:
    """Whether the name of a file is that of a recording."""
    return path.suffix.lower() in SUFFIXES and path.is_file()


def entries(path: Path) -> Iterator[Entry]:
    """Yield the recordings of a folder, in the order of their names, or the one recording."""
    for number, audio in enumerate([path] if path.is_file() else audio_files(path, recursive=True)):
        yield Entry(str(audio), number, "", AudioReference(audio))
