"""A folder of recordings, each with its text beside it, in a file of the same name.

That is a `.txt` with its transcript, or what says when which part of it is said: subtitles, labels
of Audacity, tiers of Praat or ELAN.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stt.audio.folder import audio_files
from stt.audio.reference import AudioReference

from ...errors import CorpusError
from ..rows import Entry, piece
from . import timed_text
from .text_file import read_text

# The first of them that is there is read: whole texts beside captions are often those of captions.
_SUFFIXES = (*timed_text.CAPTIONS, ".txt", *timed_text.SUFFIXES)


def is_folder(path: Path) -> bool:
    """Whether a folder holds a recording with a text, at any depth."""
    return any(text for audio in audio_files(path, recursive=True) if (text := _text_of(audio)))


def entries(path: Path) -> Iterator[Entry]:
    """Yield each recording, or each part of it, with its transcript, in order of their names."""
    for number, audio in enumerate(audio_files(path, recursive=True)):
        text = _text_of(audio)
        if text is None:
            problem = f"no {audio.stem}.txt is beside it"
            yield Entry(str(audio), number, "", AudioReference(audio), problem)
            continue
        try:
            if text.suffix != ".txt" or timed_text.is_label_track(read_text(text)):
                yield from _pieces(audio, text)
                continue
            transcript = " ".join(read_text(text).split())
        except CorpusError as error:
            yield Entry(str(audio), number, "", AudioReference(audio), str(error))
            continue
        yield Entry(f"{text}:1", number, transcript, AudioReference(audio))


def _pieces(audio: Path, text: Path) -> Iterator[Entry]:
    pieces = timed_text.read_timed_text(text)
    if not pieces:
        yield Entry(str(text), 0, "", AudioReference(audio), "no text with its times is in it")
    for one in pieces:
        found = piece(audio, one.start_seconds, one.end_seconds)
        reference, problem = (None, found) if isinstance(found, str) else (found, None)
        source = f"{text}:{one.place}"
        yield Entry(source, one.place, one.text, reference, problem, one.speaker)


def _text_of(audio: Path) -> Path | None:
    texts = (audio.with_suffix(suffix) for suffix in _SUFFIXES)
    return next((text for text in texts if text.is_file()), None)
