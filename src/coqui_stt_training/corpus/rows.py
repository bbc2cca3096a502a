"""Rows: what a corpus file says, before any audio is looked at."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stt.audio.reference import AudioReference
from stt.terminal import printable

from .remote import Mirror
from .stores import is_url

AUDIO_COLUMN = "wav_filename"
SIZE_COLUMN = "wav_filesize"
TRANSCRIPT_COLUMN = "transcript"
START_COLUMN, END_COLUMN = "start_seconds", "end_seconds"
SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id")

ENTRY_COLUMNS = (
    *(AUDIO_COLUMN, SIZE_COLUMN, TRANSCRIPT_COLUMN),
    *(START_COLUMN, END_COLUMN, SPEAKER_COLUMNS[0]),
)

_LONGEST_RECORDING_SECONDS = 1e7
_LONGEST_TRANSCRIPT = 1 << 17  # characters, as in a CSV file; an hour of speech has half of it


@dataclass(frozen=True)
class Row:
    """One row as it stands in its file.

    Attributes:
        source: where it stands: `train.csv:17`, counted from 1, the header included; in an archive
            `train.sdb:17` or `train.tar:a/b.wav`.
        line: the number in `source`, or which entry of the archive it is.
        fields: all columns, unchanged; those of other formats, as a CSV file would have them.
        audio_name: the audio file's name as given, "" where missing.
        transcript: in Unicode normal form C, "" where missing.
        size_bytes: as the file says, None where it does not.
        problem: what is wrong with the row's form, None for a good one.
        audio: where it is; None: in the file of that name.
        speaker: who speaks, "" where the file does not say.
        seconds: how long the audio is, as the file says; None where it does not.
    """

    source: str
    line: int
    fields: tuple[str, ...]
    audio_name: str
    transcript: str
    size_bytes: int | None
    problem: str | None = None
    audio: AudioReference | None = None
    speaker: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class RowFile:
    """All rows of one file.

    Attributes:
        path: the file as the user named it.
        columns: names of `Row.fields`.
        rows: in the file's order; a tuple, unless they are very many.
    """

    path: str
    columns: tuple[str, ...]
    rows: Sequence[Row]

    def audio(self) -> list[AudioReference]:
        """Return where each row's audio is: relative names start at this file, then where we run.

        A name that is found in neither place is returned as if it stood beside this file.
        """
        return [self.audio_of(row) for row in self.rows]

    def audio_of(self, row: Row) -> AudioReference:
        """Return where the audio of one of the rows is, see `audio`."""
        return row.audio or AudioReference(find_audio(Path(self.path).parent, row.audio_name))


@dataclass(frozen=True)
class Entry:
    """What a format other than CSV says of one clip.

    Attributes:
        source: where it stands, for messages.
        line: its number.
        transcript: as it is there.
        audio: where it is; None where `problem` says why.
        problem: what is wrong with it, None for a good one.
        speaker: who speaks, "" where unknown.
        seconds: how long the audio is, as the format says; None where it does not.
    """

    source: str
    line: int
    transcript: str
    audio: AudioReference | None
    problem: str | None = None
    speaker: str = ""
    seconds: float | None = None


def rows_of_entries(path: str, home: Path, entries: Iterable[Entry]) -> RowFile:
    """Return entries as rows that could stand in a CSV file.

    Args:
        path: the collection as the user named it.
        home: the folder of that CSV file, at which relative names begin.
        entries: what the collection holds.
    """
    listed = list(entries)
    pieces = any(entry.audio and entry.audio.is_piece for entry in listed)
    speakers = any(entry.speaker for entry in listed)
    columns = (
        *(AUDIO_COLUMN, SIZE_COLUMN, TRANSCRIPT_COLUMN),
        *((START_COLUMN, END_COLUMN) if pieces else ()),
        *(SPEAKER_COLUMNS[:1] if speakers else ()),
    )
    rows = tuple(row_of_entry(entry, home, pieces, speakers) for entry in listed)
    return RowFile(path, columns, rows)


def row_of_entry(entry: Entry, home: Path, pieces: bool, speakers: bool) -> Row:
    """Return an entry as a row; with columns for pieces, and for speakers, or without."""
    said, entry = entry, bounded(entry)
    audio = entry.audio
    name = _name_in_csv(said.audio, home) if said.audio else ""
    if audio is None:
        name = printable(name)
    size = audio.size_bytes if audio else None
    transcript = unicodedata.normalize("NFC", entry.transcript)
    problem = entry.problem
    if problem is None and ("\n" in transcript or "\r" in transcript):
        transcript = " ".join(transcript.split())
    bounds = ("", "")
    if audio and audio.is_piece:
        end = audio.end_seconds
        bounds = (repr(audio.start_seconds), "" if end is None else repr(end))
    fields = (
        *(name, "" if size is None else str(size), transcript),
        *(bounds if pieces else ()),
        *((entry.speaker,) if speakers else ()),
    )
    return Row(
        entry.source, entry.line, fields, name, transcript, size, problem, audio, entry.speaker,
        entry.seconds,
    )  # fmt: skip


def bounded(entry: Entry) -> Entry:
    """Return an entry, or in the place of one that no list could hold what is wrong with it.

    A clip's transcript is not as long as a book, and what is said of it is text: file systems, tar
    archives and JSON have names and texts that are none.
    """
    count = len(entry.transcript)
    if count > _LONGEST_TRANSCRIPT:
        problem = f"its transcript has {count:,} characters; no clip holds so many"
        entry = replace(entry, transcript="", problem=entry.problem or problem)
    if _is_unicode(f"{entry.source}{entry.transcript}{entry.speaker}{entry.audio}"):
        return entry
    said = {"transcript": entry.transcript, "speaker": entry.speaker}
    broken = [what for what, text in said.items() if not _is_unicode(text)]
    problem = f"its {' and its '.join(broken)} cannot be written in UTF-8; mend it where it is from"
    if not broken:
        problem = "the name of its recording is not UTF-8, so that no list can hold it; rename it"
    problem = printable(entry.problem or problem)
    transcript = "" if "transcript" in broken else entry.transcript
    return Entry(printable(entry.source), entry.line, transcript, None, problem)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_in_csv(audio: AudioReference, home: Path) -> str:
    path = Path(audio.container or audio.path)
    path = path.relative_to(home) if path.is_relative_to(home) else path.absolute()
    return f"{path}:{audio.member}" if audio.member else str(path)


def find_audio(folder: Path, name: str) -> Path:
    """Return where an audio file is: beside the file that names it, or else where we run."""
    if is_url(name):
        return Mirror().path(name)
    beside, here = folder / name, Path(name)
    return here if not os.path.lexists(beside) and os.path.lexists(here) else beside


def piece(path: Path, start: object, end: object) -> AudioReference | str:
    """Return a piece of a recording, or what is wrong with its bounds, in seconds.

    Args:
        path: the recording.
        start: where the piece begins; None or "": at the start.
        end: where it ends; None or "": where the recording does.
    """
    bounds = []
    for value in (start, end):
        try:
            seconds = 0.0 if value in (None, "") else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            return f"{str(value)[:40]!r} is no number of seconds"
        if not 0 <= seconds <= _LONGEST_RECORDING_SECONDS:
            return f"{seconds:g} s is no place in a recording"
        bounds.append(seconds)
    if end in (None, ""):
        return AudioReference(path, start_seconds=bounds[0])
    if bounds[1] <= bounds[0]:
        return f"the piece from {bounds[0]:g} s to {bounds[1]:g} s has no length"
    return AudioReference(path, start_seconds=bounds[0], end_seconds=bounds[1])


def speaker_of(values: Mapping[str, object]) -> str:
    """Return who speaks, by the columns of a row or the keys of an object; "" where none says."""
    return next((str(values[name]) for name in SPEAKER_COLUMNS if values.get(name)), "")


def seconds_of(value: object) -> float | None:
    """Return a length that a format says; it only informs, so one that is none is as good as no."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 < value <= _LONGEST_RECORDING_SECONDS else None


def expand_file_list(items: Iterable[str]) -> list[str]:
    """Return a list flag's files; `a.csv,b.csv` is two of them if both exist and it does not."""
    files: list[str] = []
    for item in items:
        parts = [part.strip() for part in item.split(",")]
        listed = len(parts) > 1 and not Path(item).exists()
        files.extend(parts if listed and all(Path(part).is_file() for part in parts) else [item])
    return files
