"""Tables of spreadsheet programs: with other separators, and other names of columns.

Names of recordings are as people type them: without a folder, or without `.mp3`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath

from stt.audio.folder import SUFFIXES

from ..csv_file import Record
from ..rows import AUDIO_COLUMN, SPEAKER_COLUMNS, TRANSCRIPT_COLUMN, find_audio

# Other names of the columns.
LIKELY = {
    AUDIO_COLUMN: (
        *("path", "file", "file_name", "filename", "audio", "audio_file", "audio_filepath"),
        *("audio_path", "wav", "wav_file", "wav_path", "clip", "recording"),
    ),
    TRANSCRIPT_COLUMN: ("text", "sentence", "transcription", "transcripts", "label"),
}
_SEPARATORS = (",", ";", "\t", "|")
_MOST_LOOKED_AT = 100  # number of records, and of folders beside the table


def separator_of(first_line: str) -> str:
    """Return the separator of the column names; a comma if there is none."""
    if AUDIO_COLUMN in (name.strip() for name in first_line.split(",")):
        return ","
    return max(_SEPARATORS, key=first_line.count)


def is_header(first_line: str, separator: str) -> bool:
    """Whether a line names a column of recordings and one of transcripts."""
    columns = first_line.split(separator)
    return all(_named(columns, wanted) for wanted in LIKELY)


def own_names(columns: Sequence[str], records: Sequence[Record]) -> tuple[str, ...]:
    """Return the names of columns, with our names for two of them, if these can be identified.

    They are identified by their names. Otherwise the column of recordings is the only one with
    names of audio files, and that of transcripts is the only other one with text.
    """
    found = {wanted: _named(columns, wanted) for wanted in LIKELY}
    some = [fields for _, fields in records[:_MOST_LOOKED_AT] if len(fields) == len(columns)]
    found[AUDIO_COLUMN] = found[AUDIO_COLUMN] or _holding(some, columns, _is_recording)
    if not found[TRANSCRIPT_COLUMN]:
        texts = _holding(some, columns, _is_text, any)
        others = [one for one in texts if one not in found[AUDIO_COLUMN]]
        always = _holding(some, columns, _is_text)
        found[TRANSCRIPT_COLUMN] = [one for one in others if others == [one] and one in always]
    if any(len(places) != 1 for places in found.values()):
        return tuple(columns)
    ours = {places[0]: wanted for wanted, places in found.items()}
    if len(ours) < len(found):  # a column has the name of transcripts, and contains names of files
        return tuple(columns)
    return tuple(ours.get(index, name) for index, name in enumerate(columns))


def _named(columns: Sequence[str], wanted: str) -> list[int]:
    """Return the columns with such a name, or else those that may be meant."""
    plain = [name.strip().casefold().replace(" ", "_").replace("-", "_") for name in columns]
    for names in ((wanted,), LIKELY[wanted]):
        if places := [index for index, name in enumerate(plain) if name in names]:
            return places
    return []


def _holding(
    some: Sequence[Sequence[str]],
    columns: Sequence[str],
    holds: Callable[[str], bool],
    how_many: Callable[[Iterable[bool]], bool] = all,
) -> list[int]:
    """Return the columns in which all, or any, values are of a kind."""
    return [
        index
        for index, name in enumerate(columns)
        if some
        and name not in SPEAKER_COLUMNS
        and how_many(holds(fields[index]) for fields in some)
    ]


def is_headless(first: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the first line of a table describes a clip instead of naming columns.

    Args:
        first: its fields.
        columns: names of the columns, with our names for two of them.
    """
    return _is_recording(first[columns.index(AUDIO_COLUMN)])


def _is_recording(value: str) -> bool:
    return Path(value.strip()).suffix.lower() in SUFFIXES


def _is_text(value: str) -> bool:
    return any(map(str.isalpha, value))


def with_names_of_files(
    folder: Path, columns: Sequence[str], records: Sequence[Record]
) -> Iterator[Record]:
    """Yield records with the actual names of their recordings.

    Recordings are searched in the folder of the table and its subfolders, also with the usual
    endings.

    Args:
        folder: folder of the table.
        columns: names of the columns, with our names for two of them.
        records: records of the table.
    """
    place = columns.index(AUDIO_COLUMN)
    beside = itertools.islice(folder.glob("*/"), _MOST_LOOKED_AT)
    below = sorted(one for one in beside if one.is_dir())
    for line, fields in records:
        name = fields[place].strip() if place < len(fields) else ""
        if name and (file := _find(folder, below, name)):
            fields = (*fields[:place], file, *fields[place + 1 :])
        yield line, fields


def _find(folder: Path, below: Sequence[Path], name: str) -> str | None:
    """Return the name of a recording relative to the table's folder; None if it is not found.

    Of a path on another computer, the end that exists here is kept.
    """
    if os.path.lexists(find_audio(folder, name)):
        return name
    parts = PureWindowsPath(name).parts  # it also accepts / for \\
    tails = [name, *("/".join(parts[first:]) for first in range(1, len(parts)))]
    endings = ("",) if Path(name).suffix.lower() in SUFFIXES else ("", *SUFFIXES)
    for tail, place, ending in itertools.product(tails, (folder, *below), endings):
        if os.path.lexists(file := place / f"{tail}{ending}"):
            return os.path.relpath(file, folder)
    return None
