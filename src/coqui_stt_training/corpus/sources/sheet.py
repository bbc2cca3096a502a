"""Tables as people keep them in spreadsheets: other separators, columns under other names.

Recordings are named as somebody typed them: without a folder, or without `.mp3`.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath

from stt.audio.folder import SUFFIXES

from ..csv_file import Record
from ..rows import AUDIO_COLUMN, SPEAKER_COLUMNS, TRANSCRIPT_COLUMN, find_audio

# What the columns are called elsewhere.
LIKELY = {
    AUDIO_COLUMN: (
        *("path", "file", "file_name", "filename", "audio", "audio_file", "audio_filepath"),
        *("audio_path", "wav", "wav_file", "wav_path", "clip", "recording"),
    ),
    TRANSCRIPT_COLUMN: ("text", "sentence", "transcription", "transcripts", "label"),
}
_SEPARATORS = (",", ";", "\t", "|")
_MOST_LOOKED_AT = 100  # records, and folders beside the table


def separator_of(first_line: str) -> str:
    """Return the separator of the column names; a comma if there is none."""
    if AUDIO_COLUMN in (name.strip() for name in first_line.split(",")):
        return ","
    return max(_SEPARATORS, key=first_line.count)


def is_header(first_line: str, separator: str) -> bool:
    """Whether a line names a column of recordings and a column of transcripts."""
    columns = first_line.split(separator)
    return all(_named(columns, wanted) for wanted in LIKELY)


def own_names(columns: Sequence[str], records: Sequence[Record]) -> tuple[str, ...]:
    """Return the names of columns, of which two are ours now, where it is certain which they are.

    They are known by their names; that of recordings also as the only one in which there are names
    of audio files, and that of transcripts as the only other one in which there is text.
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
    if len(ours) < len(found):  # one column is called as transcripts are, and has names of files
        return tuple(columns)
    return tuple(ours.get(index, name) for index, name in enumerate(columns))


def _named(columns: Sequence[str], wanted: str) -> list[int]:
    """Return which columns are called so, or else which may be meant."""
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
    """Return the columns of whose values all, or any, are of a kind."""
    return [
        index
        for index, name in enumerate(columns)
        if some
        and name not in SPEAKER_COLUMNS
        and how_many(holds(fields[index]) for fields in some)
    ]


def is_headless(first: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether the first line of a table tells of a clip, and does not name columns.

    Args:
        first: its fields.
        columns: what they are called, of which two are ours now.
    """
    return _is_recording(first[columns.index(AUDIO_COLUMN)])


def _is_recording(value: str) -> bool:
    return Path(value.strip()).suffix.lower() in SUFFIXES


def _is_text(value: str) -> bool:
    return any(map(str.isalpha, value))


def with_names_of_files(
    folder: Path, columns: Sequence[str], records: Sequence[Record]
) -> Iterator[Record]:
    """Yield records with the names that their recordings have.

    Looked for are they in the folder of the table and in those in it, and under the names that they
    have with the usual endings.

    Args:
        folder: of the table.
        columns: its names, of which two are ours.
        records: as they are there.
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
    """Return the name of a recording as seen from the table's folder; None where it is nowhere.

    Of the folders of another computer as many are kept as there are here, too.
    """
    if os.path.lexists(find_audio(folder, name)):
        return name
    parts = PureWindowsPath(name).parts  # which takes / for \\, too
    tails = [name, *("/".join(parts[first:]) for first in range(1, len(parts)))]
    endings = ("",) if Path(name).suffix.lower() in SUFFIXES else ("", *SUFFIXES)
    for tail, place, ending in itertools.product(tails, (folder, *below), endings):
        if os.path.lexists(file := place / f"{tail}{ending}"):
            return os.path.relpath(file, folder)
    return None
