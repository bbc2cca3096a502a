"""Tables of public corpora: those of LJSpeech, LibriSpeech and Common Voice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from stt.audio.reference import AudioReference

from ...errors import CorpusError
from ..rows import Entry, speaker_of
from .sheet import is_header
from .text_file import numbered_lines

_AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


def is_ljspeech(first_line: str) -> bool:
    """Whether a first line is that of a table of `id|transcript|normalised transcript`.

    A line that names columns is not: in `audio_file|text|speaker_name`, the last is no transcript.
    """
    return first_line.count("|") in (1, 2) and not is_header(first_line, "|")


def ljspeech_entries(path: Path) -> Iterator[Entry]:
    """Yield the clips of a `metadata.csv`; audio is in the same folder, or in `wavs` there.

    The transcript is the last column that is not empty: in LJSpeech it has numbers as words.

    Raises:
        CorpusError: the file cannot be read, or is not UTF-8.
    """
    for number, line in numbered_lines(path):
        name, *texts = (field.strip() for field in line.split("|"))
        source = f"{path}:{number}"
        if not texts or not name:
            yield Entry(source, number, "", None, f"no ID and transcript with | between: {name!r}")
            continue
        transcript = next((text for text in reversed(texts) if text), "")
        yield Entry(source, number, transcript, AudioReference(_named(path.parent, name)))


def _named(folder: Path, name: str) -> Path:
    suffixes = ("", *_AUDIO_SUFFIXES) if Path(name).suffix else _AUDIO_SUFFIXES
    places = [folder / part / f"{name}{suffix}" for suffix in suffixes for part in ("wavs", "")]
    return next((place for place in places if os.path.lexists(place)), places[0])


def is_spaced(first_line: str, folder: Path) -> bool:
    """Whether a list with this first line has recordings, each followed by its transcript."""
    name, *text = first_line.split(maxsplit=1)
    return bool(text) and os.path.lexists(_named(folder, name))


def spaced_entries(path: Path) -> Iterator[Entry]:
    """Yield the clips of a list with a recording, a space and its transcript on each line.

    Raises:
        CorpusError: the file cannot be read, or is not UTF-8.
    """
    for number, line in numbered_lines(path):
        name, *text = line.split(maxsplit=1)
        audio = AudioReference(_named(path.parent, name))
        yield Entry(f"{path}:{number}", number, "".join(text).strip(), audio)


def is_common_voice(first_line: str) -> bool:
    """Whether a file with this first line is a TSV file of Common Voice."""
    columns = first_line.rstrip("\r\n").split("\t")
    return "path" in columns and "sentence" in columns


def common_voice_entries(path: Path) -> Iterator[Entry]:
    """Yield the clips of a TSV file; audio is in `clips` in the same folder.

    Raises:
        CorpusError: the file cannot be read, is not UTF-8, or has a malformed header.
    """
    columns: list[str] = []
    clips = path.parent / "clips"
    for number, line in numbered_lines(path):
        fields = line.split("\t")
        source = f"{path}:{number}"
        if not columns:
            columns = fields
            if missing := {"path", "sentence"} - {*columns}:
                raise CorpusError(
                    f"{source}: the header names no column {' and no '.join(sorted(missing))}, "
                    "which tables of Common Voice have"
                )
            continue
        if len(fields) != len(columns):
            problem = f"{len(fields)} fields where the header has {len(columns)}"
            yield Entry(source, number, "", None, problem)
            continue
        values = dict(zip(columns, fields, strict=True))
        name = values["path"] if Path(values["path"]).suffix else f"{values['path']}.mp3"
        speaker = speaker_of(values)
        audio = AudioReference(clips / name)
        yield Entry(source, number, _unquoted(values["sentence"]), audio, None, speaker)


def _unquoted(sentence: str) -> str:
    """Return a sentence without the quotes that a spreadsheet program puts around it."""
    if len(sentence) > 1 and sentence[0] == sentence[-1] == '"' and '""' in sentence[1:-1]:
        return sentence[1:-1].replace('""', '"')
    return sentence
