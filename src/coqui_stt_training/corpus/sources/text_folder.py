"""A folder of recordings, each with its text in a file of the same name.

That is a `.txt` with its transcript, or a text with times: subtitles, labels of Audacity, tiers of
Praat or ELAN.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from stt.audio.folder import audio_files
from stt.audio.reference import AudioReference
from stt.counted import some_of

from ...errors import CorpusError
from ..rows import Entry, piece
from . import timed_text
from .text_file import read_text
from .timed_text import TimedText

_LANGUAGE = re.compile(r"\.[a-z]{2,3}(-[A-Za-z0-9-]+)?")
# The first existing one is read: a whole text beside captions is often that of the captions.
_SUFFIXES = (*timed_text.CAPTIONS, ".txt", *timed_text.SUFFIXES)


def is_folder(path: Path) -> bool:
    """Whether a folder contains a recording with a text, at any depth."""
    texts = _texts(path)
    return any(audio.with_suffix("") in texts for audio in audio_files(path, recursive=True))


def entries(path: Path) -> Iterator[Entry]:
    """Yield each recording, or each piece of it, with its transcript, in order of their names."""
    texts = _texts(path)
    for number, audio in enumerate(audio_files(path, recursive=True)):
        found = texts.get(audio.with_suffix(""), [])
        if len(found) != 1:
            problem = f"no {audio.stem}.txt is beside it"
            if found:
                names = some_of([text.name for text in found])
                problem = f"captions in several languages are beside it: {names}; keep one"
            yield Entry(str(audio), number, "", AudioReference(audio), problem)
            continue
        [text] = found
        try:
            if text.suffix.lower() != ".txt":
                yield from _pieces(audio, text, timed_text.read_timed_text(text))
                continue
            content = read_text(text)
            if timed_text.is_label_track(content):
                yield from _pieces(audio, text, list(timed_text.read_label_track(content, text)))
                continue
            transcript = " ".join(content.split())
        except CorpusError as error:
            yield Entry(str(audio), number, "", AudioReference(audio), str(error))
            continue
        yield Entry(f"{text}:1", number, transcript, AudioReference(audio))


def _pieces(audio: Path, text: Path, pieces: Sequence[TimedText]) -> Iterator[Entry]:
    if not pieces:
        yield Entry(str(text), 0, "", AudioReference(audio), "no text with its times is in it")
    for one in pieces:
        found = piece(audio, one.start_seconds, one.end_seconds)
        reference, problem = (None, found) if isinstance(found, str) else (found, None)
        source = f"{text}:{one.place}"
        yield Entry(source, one.place, one.text, reference, problem, one.speaker)


def _texts(path: Path) -> dict[Path, list[Path]]:
    """Return the text files by name without suffix; several only for captions in languages.

    The names of such captions contain their language: `talk.uk.vtt`.
    """
    texts: dict[Path, list[Path]] = {}
    of_languages: dict[Path, list[Path]] = {}
    files = (one for one in path.rglob("*") if one.suffix.lower() in _SUFFIXES and one.is_file())
    for text in sorted(files, key=lambda one: (_SUFFIXES.index(one.suffix.lower()), one)):
        name = text.with_suffix("")
        texts.setdefault(name, [text])
        if text.suffix.lower() in timed_text.CAPTIONS and _LANGUAGE.fullmatch(name.suffix):
            of_languages.setdefault(name.with_suffix(""), []).append(text)
    return of_languages | texts
