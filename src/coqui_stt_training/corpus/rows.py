"""Rows: what a corpus file says, before any audio is looked at."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stt.audio.reference import AudioReference
from stt.counted import counted

from ..errors import CorpusError
from .csv_file import parse_csv

AUDIO_COLUMN = "wav_filename"
SIZE_COLUMN = "wav_filesize"
TRANSCRIPT_COLUMN = "transcript"
REQUIRED_COLUMNS = (AUDIO_COLUMN, TRANSCRIPT_COLUMN)


@dataclass(frozen=True)
class Row:
    """One row as it stands in its file.

    Attributes:
        source: where it stands: `train.csv:17`, counted from 1, the header included.
        line: the number in `source`.
        fields: all columns, unchanged.
        audio_name: the audio file's name as given, "" where missing.
        transcript: in Unicode normal form C, "" where missing.
        size_bytes: as the file says, None where it does not.
        problem: what is wrong with the row's form, None for a good one.
        audio: where it is; None: in the file of that name.
        speaker: who speaks, "" where the file does not say.
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


@dataclass(frozen=True)
class RowFile:
    """All rows of one file.

    Attributes:
        path: the file as the user named it.
        columns: names of `Row.fields`.
        rows: in the file's order.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def audio(self) -> list[AudioReference]:
        """Return where each row's audio is: relative names start at this file, then where we run.

        A name that is found in neither place is returned as if it stood beside this file.
        """
        folder = Path(self.path).parent
        return [
            row.audio or AudioReference(_find_audio(folder, row.audio_name)) for row in self.rows
        ]


def read_rows(path: str | Path) -> RowFile:
    """Read a corpus file. What kind it is, its suffix says; `.csv` is the one there is.

    Raises:
        CorpusError: the file is missing, of another kind, not UTF-8, empty, or lacks a column.
    """
    name = str(path)
    suffix = Path(name).suffix.lower()
    reader = _READERS.get(suffix)
    if reader is None:
        known = ", ".join(_READERS)
        raise CorpusError(
            f"{name}: corpus files of type {suffix or '(no suffix)'!r} cannot be read; give one of "
            f"{known} with the columns {', '.join(REQUIRED_COLUMNS)}"
        )
    return reader(name)


def expand_file_list(items: Iterable[str]) -> list[str]:
    """Return a list flag's files; `a.csv,b.csv` is two of them if both exist and it does not."""
    files: list[str] = []
    for item in items:
        parts = [part.strip() for part in item.split(",")]
        listed = len(parts) > 1 and not Path(item).exists()
        files.extend(parts if listed and all(Path(part).is_file() for part in parts) else [item])
    return files


def _read_csv(path: str) -> RowFile:
    columns, records = parse_csv(path)
    _check_columns(path, columns)
    return RowFile(
        path, columns, tuple(_make_row(path, columns, line, fields) for line, fields in records)
    )


def _find_audio(folder: Path, name: str) -> Path:
    beside, here = folder / name, Path(name)
    return here if not os.path.lexists(beside) and os.path.lexists(here) else beside


_READERS: dict[str, Callable[[str], RowFile]] = {".csv": _read_csv}


def _check_columns(path: str, columns: Sequence[str]) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        separator = next((s for s in (";", "\t", "|") if s in columns[0]), None)
        hint = (
            f"the columns seem to be separated by {separator!r}; separate them by commas"
            if separator and len(columns) == 1
            else f"the first line must name them; it has: {', '.join(columns)}"
        )
        raise CorpusError(f"{path}:1: no column {' and no column '.join(missing)}; {hint}")
    twice = [column for column in REQUIRED_COLUMNS if columns.count(column) > 1]
    if twice:
        raise CorpusError(f"{path}:1: the column {twice[0]} stands there twice; remove one")


def _make_row(path: str, columns: Sequence[str], line: int, fields: tuple[str, ...]) -> Row:
    values = dict(zip(columns, fields, strict=False))
    return Row(
        source=f"{path}:{line}",
        line=line,
        fields=fields,
        audio_name=values.get(AUDIO_COLUMN, ""),
        transcript=unicodedata.normalize("NFC", values.get(TRANSCRIPT_COLUMN, "")),
        size_bytes=_parse_size(values.get(SIZE_COLUMN, "")),
        problem=_find_problem(columns, fields, values),
    )


def _find_problem(
    columns: Sequence[str], fields: Sequence[str], values: dict[str, str]
) -> str | None:
    found = f"{counted(len(fields), 'field')} where the header has {len(columns)}"
    if len(fields) > len(columns):
        return f"{found}; put a transcript with commas between double quotes"
    if len(fields) < len(columns):
        return f"{found}: {','.join(fields)[:80]}"
    if not values[AUDIO_COLUMN].strip():
        return f"{AUDIO_COLUMN} is empty"
    if "\n" in values[TRANSCRIPT_COLUMN] or "\r" in values[TRANSCRIPT_COLUMN]:
        return "the transcript has a line break; a double quote may be left open"
    return None


def _parse_size(text: str) -> int | None:
    """Return a size in bytes; it only informs, so one that is no number is as good as none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
