"""Recordings to transcribe, from folders, audio files, lists and collections of clips."""

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
        audio: where the audio is.
        name: name to show to people.
        key: unique key, which stays the same if the audio is moved together with the data set.
        transcript: transcript in the input list; may be empty.
        speaker: speaker in the input list; may be empty.
    """

    audio: AudioReference
    name: str
    key: str
    transcript: str = ""
    speaker: str = ""

    @property
    def identity(self) -> str:
        """12 hexadecimal digits of a hash of the key."""
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def find_recordings(inputs: Sequence[str], home: Path) -> list[DeskRecording]:
    """Return the recordings in some inputs, in order, each once.

    Args:
        inputs: folders (their audio files in the order of the names, with subfolders); audio
            files; CSV files with a column `wav_filename`; text files (.txt, .lst, .list) with one
            file name per line; or other collections of clips, see `read_rows`.
        home: folder of the data set; keys of recordings inside it are relative to it.

    Raises:
        CorpusError: inputs cannot be read, or none of the files exists; all problems in one.
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
    """Yield the recordings of a CSV file, which need not have a column of transcripts."""
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
