"""CSV files with the columns `wav_filename` and `transcript`, or equivalent ones."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stt.audio.reference import AudioReference
from stt.counted import counted

from ...errors import CorpusError
from ..csv_file import Record, parse_csv_text
from ..manifest import LARGE_CSV_BYTES, is_large, open_manifest, read_columns
from ..rows import (
    AUDIO_COLUMN,
    END_COLUMN,
    SIZE_COLUMN,
    START_COLUMN,
    TRANSCRIPT_COLUMN,
    Row,
    RowFile,
    find_audio,
    piece,
    speaker_of,
)
from .archives import members_of, read_head
from .sheet import LIKELY, is_headless, own_names, separator_of, with_names_of_files
from .text_file import first_line_of, is_plain_text, read_text
from .workbook import is_workbook, read_workbook

REQUIRED_COLUMNS = (AUDIO_COLUMN, TRANSCRIPT_COLUMN)


def read_csv_rows(
    path: str, large_bytes: int = LARGE_CSV_BYTES, *, labelled: bool = True
) -> RowFile:
    """Read a CSV file.

    If its columns have other names or separators, it is read as a file of a spreadsheet program:
    see `sheet`.

    `wav_filename` names a file, or a member of an archive: `archive.tar:a/b.wav`. The optional
    `start_seconds` and `end_seconds` are the bounds of a piece of it.

    Args:
        path: the file.
        large_bytes: size from which its rows are a `Manifest`.
        labelled: whether transcripts are required.

    Raises:
        CorpusError: the file lacks a column, is not UTF-8, or is empty; an archive cannot be read.
    """
    archives: dict[Path, dict[str, AudioReference]] = {}
    required = REQUIRED_COLUMNS if labelled else REQUIRED_COLUMNS[:1]
    head = read_head(path)
    is_book = is_workbook(Path(path), head)
    if not is_book and is_plain_text(head) and is_large(Path(path), large_bytes):
        separator = separator_of(first_line_of(head))
        columns = own_names(read_columns(Path(path), separator), ())
        _check_columns(path, columns, required)

        def make_row(line: int, fields: tuple[str, ...]) -> Row:
            return _whole_row(path, columns, line, fields, archives)

        return RowFile(path, columns, open_manifest(Path(path), columns, make_row, separator))
    columns, records = _parse(path, is_book)
    _check_columns(path, columns, required)
    rows = (_whole_row(path, columns, line, fields, archives) for line, fields in records)
    return RowFile(path, columns, tuple(rows))


def _parse(path: str, is_book: bool) -> tuple[tuple[str, ...], list[Record]]:
    """Return the columns, under our names if they can be identified, and the records."""
    if is_book:
        columns, records = read_workbook(Path(path))
    else:
        text = read_text(path)
        columns, records = parse_csv_text(text, path, separator_of(_first_line(text)))
    named = own_names(columns, records)
    if named != columns:
        if is_headless(columns, named):
            records = [(1, columns), *records]
        records = list(with_names_of_files(Path(path).parent, named, records))
    return named, records


def _first_line(text: str) -> str:
    return next(filter(str.strip, io.StringIO(text, newline="")), "")


def _whole_row(
    path: str,
    columns: Sequence[str],
    line: int,
    fields: tuple[str, ...],
    archives: dict[Path, dict[str, AudioReference]],
) -> Row:
    """Return a row with its audio reference; the members of each archive are read only once."""
    row = _find_piece(path, columns, _make_row(path, columns, line, fields))
    return _find_member(Path(path).parent, row, archives)


def _check_columns(path: str, columns: Sequence[str], required: Sequence[str]) -> None:
    missing = [column for column in required if column not in columns]
    if missing:
        hint = _hint_at_columns(columns, missing)
        raise CorpusError(f"{path}:1: no column {' and no column '.join(missing)}; {hint}")
    twice = [column for column in REQUIRED_COLUMNS if columns.count(column) > 1]
    if twice:
        raise CorpusError(f"{path}:1: the column {twice[0]} appears twice; remove one")


def _hint_at_columns(columns: Sequence[str], missing: Sequence[str]) -> str:
    """Return a hint at which of the columns may be the missing ones."""
    has = f"it has: {', '.join(columns)[:200]}"
    meant = {
        wanted: next((one for one in columns if one.lower() in (wanted, *LIKELY[wanted])), None)
        for wanted in missing
    }
    if all(meant.values()):
        renamed = " and ".join(f"{found} to {wanted}" for wanted, found in meant.items())
        return f"rename {renamed} in the first line, if that is what is meant; {has}"
    return (
        "the first line must name them: name the column of recordings wav_filename, and that of "
        f"transcripts transcript; {has}"
    )


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
        speaker=speaker_of(values),
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
    transcript = values.get(TRANSCRIPT_COLUMN, "")
    if "\n" in transcript or "\r" in transcript:
        return "the transcript has a line break; a double quote may be left open"
    return None


def _find_piece(path: str, columns: Sequence[str], row: Row) -> Row:
    if START_COLUMN not in columns and END_COLUMN not in columns:
        return row
    values = dict(zip(columns, row.fields, strict=False))
    bounds = values.get(START_COLUMN, ""), values.get(END_COLUMN, "")
    if row.problem is not None or not any(bounds):
        return row
    cut = piece(find_audio(Path(path).parent, row.audio_name), *bounds)
    return replace(row, problem=cut) if isinstance(cut, str) else replace(row, audio=cut)


def _find_member(folder: Path, row: Row, archives: dict[Path, dict[str, AudioReference]]) -> Row:
    split = _split_member(folder, row.audio_name) if ":" in row.audio_name else None
    if not split:
        return row
    archive, member = split
    if archive not in archives:
        archives[archive] = members_of(archive)
    audio = archives[archive].get(member)
    if audio is None:
        return replace(row, audio=None, problem=row.problem or f"{archive} holds no {member!r}")
    if row.audio:
        bounds = row.audio
        audio = replace(audio, start_seconds=bounds.start_seconds, end_seconds=bounds.end_seconds)
    return replace(row, audio=audio)


def _split_member(folder: Path, name: str) -> tuple[Path, str] | None:
    """Return the archive and the member that a name refers to; None if it is that of a file."""
    if find_audio(folder, name).exists():
        return None
    place = name.find(":")
    while place > 0:
        archive = find_audio(folder, name[:place])
        if archive.is_file():
            return archive, name[place + 1 :]
        place = name.find(":", place + 1)
    return None


def _parse_size(text: str) -> int | None:
    """Return a size in bytes; None if it is no number, since the size is only informative."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
