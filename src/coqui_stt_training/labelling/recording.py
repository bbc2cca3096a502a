"""What is to be transcribed: folders, audio files, lists, and collections of clips."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stt.audio.folder import SUFFIXES, audio_files
from stt.audio.reference import AudioReference
from stt.counted import counted, some_of

from ..corpus.csv_file import parse_csv
from ..corpus.rows import (
    AUDIO_COLUMN,
    END_COLUMN,
    START_COLUMN,
    TRANSCRIPT_COLUMN,
    find_audio,
    piece,
    speaker_of,
)
from ..corpus.sources.reading import read_rows
from ..corpus.sources.text_file import numbered_lines
from ..errors import CorpusError

_log = logging.getLogger(__name__)
_LIST_SUFFIXES = (".txt", ".lst", ".list")


@dataclass(frozen=True)
class DeskRecording:
    """Audio to transcribe.

    Attributes:
        audio: where it is.
        name: what people call it.
        key: what tells it from others, also after both it and the data set were moved.
        transcript: what a list says of it, to begin with; may be empty.
        speaker: who speaks, as far as a list says.
    """

    audio: AudioReference
    name: str
    key: str
    transcript: str = ""
    speaker: str = ""

    @property
    def identity(self) -> str:
        """A short name without any meaning: 12 hexadecimal digits of its key."""
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def find_recordings(inputs: Sequence[str], home: Path) -> list[DeskRecording]:
    """Return the recordings that names stand for, in their order, each once.

    Args:
        inputs: folders, whose audio files come in the order of their names, subfolders too; audio
            files; CSV files with a column `wav_filename`; text files (.txt, .lst) with a name of a
            file on each line; or other collections of clips, see `read_rows`.
        home: the folder of the data set: recordings below it are known by their names from there.

    Raises:
        CorpusError: all that is wrong with them.
    """
    found: dict[str, DeskRecording] = {}
    problems: list[str] = []
    for name in inputs:
        try:
            for recording in _found_in(name, home):
                found.setdefault(recording.key, recording)
        except CorpusError as error:
            problems.append(str(error))
    if problems:
        raise CorpusError("\n".join(problems))
    missing = [
        str(recording.audio.path)
        for recording in found.values()
        if not recording.audio.path.is_file()
    ]
    if len(missing) == len(found):
        raise CorpusError(
            f"no file listed in {some_of(inputs)} exists: {some_of(missing)}; names must be "
            "relative to the list or to the current folder"
        )
    if missing:
        _log.warning("%s not found: %s", counted(len(missing), "file"), some_of(missing))
    return list(found.values())


def _found_in(name: str, home: Path) -> Iterator[DeskRecording]:
    path = Path(name)
    if not path.exists():
        raise CorpusError(f"{name}: no such file or folder")
    if path.is_dir() and not any(path.iterdir()):
        raise CorpusError(f"{name}: folder is empty")
    if path.is_dir() and (files := audio_files(path, recursive=True)):
        for file in files:
            yield _plain(file, str(file.relative_to(path)), home)
    elif path.suffix.lower() in SUFFIXES:
        yield _plain(path, path.name, home)
    elif path.suffix.lower() in _LIST_SUFFIXES:
        for _, line in numbered_lines(path):
            file = find_audio(path.parent, line.strip())
            yield _plain(file, _shown(AudioReference(file), line.strip()), home)
    elif path.suffix.lower() == ".csv" and AUDIO_COLUMN in parse_csv(path)[0]:
        yield from _of_csv(path, home)
    else:
        yield from _of_collection(name, home)


def _plain(file: Path, name: str, home: Path) -> DeskRecording:
    return DeskRecording(AudioReference(file), name, _key(AudioReference(file), home))


def _of_csv(path: Path, home: Path) -> Iterator[DeskRecording]:
    """Yield what a CSV file lists: it may lack transcripts, which is what this is about."""
    columns, records = parse_csv(path)
    if TRANSCRIPT_COLUMN in columns:
        yield from _of_collection(str(path), home)
        return
    problems = []
    for line, fields in records:
        values = dict(zip(columns, fields, strict=False))
        name = values.get(AUDIO_COLUMN, "").strip()
        if not name:
            problems.append(f"{path}:{line}: {AUDIO_COLUMN} is empty")
            continue
        audio = piece(
            find_audio(path.parent, name), values.get(START_COLUMN), values.get(END_COLUMN)
        )
        if isinstance(audio, str):
            problems.append(f"{path}:{line}: {audio}")
            continue
        speaker = speaker_of(values)
        yield DeskRecording(audio, _shown(audio, name), _key(audio, home), speaker=speaker)
    if problems:
        raise CorpusError("\n".join(problems))


def _of_collection(name: str, home: Path) -> Iterator[DeskRecording]:
    file = read_rows(name)
    problems = [f"{row.source}: {row.problem}" for row in file.rows if row.problem]
    if problems:
        raise CorpusError("\n".join(problems))
    for row, audio in zip(file.rows, file.audio(), strict=True):
        yield DeskRecording(
            audio, _shown(audio, row.audio_name), _key(audio, home), row.transcript, row.speaker
        )


def _shown(audio: AudioReference, name: str) -> str:
    name = Path(name).name if Path(name).is_absolute() else name
    return f"{name} ({audio.span})" if audio.is_piece else name


def _key(audio: AudioReference, home: Path) -> str:
    path, base = audio.path.absolute(), home.absolute()
    named = path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
    if audio.member:
        named += f":{audio.member}"
    elif audio.size_bytes is not None:
        named += f":{audio.offset_bytes}+{audio.size_bytes}"
    return f"{named} ({audio.span})" if audio.is_piece else named
