"""CSV files with the columns `wav_filename` and `transcript`."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stt.audio.reference import AudioReference
from stt.counted import counted

from ...errors import CorpusError
from ..csv_file import parse_csv
from ..rows import (
    AUDIO_COLUMN,
    END_COLUMN,
    SIZE_COLUMN,
    SPEAKER_COLUMNS,
    START_COLUMN,
    TRANSCRIPT_COLUMN,
    Row,
    RowFile,
    find_audio,
    piece,
)
from .archives import members_of

REQUIRED_COLUMNS = (AUDIO_COLUMN, TRANSCRIPT_COLUMN)


def read_csv_rows(path: str) -> RowFile:
    """Read a CSV file.

    `wav_filename` names a file, or `archive.tar:a/b.wav` in an archive beside it; `start_seconds`
    and `end_seconds`, where they are there, a piece of it.

    Raises:
        CorpusError: it lacks a column, is not UTF-8, or empty; an archive cannot be read.
    """
    columns, records = parse_csv(path)
    _check_columns(path, columns)
    rows = [_make_row(path, columns, line, fields) for line, fields in records]
    return RowFile(path, columns, tuple(_find_members(path, _find_pieces(path, columns, rows))))


def _check_columns(path: str, columns: Sequence[str]) -> None:
    missing = [column for column in REQUIRED_COLUMNS if column not in columns]
    if missing:
        separator = next((s for s in (";", "\t", "|") if s in columns[0]), None)
        hint = (
            f"the columns seem to be separated by {separator!r}; separate them by commas"
            if separator and len(columns) == 1
            else f"the first line must name them; it has: {', '.join(columns)[:200]}"
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
        speaker=next((values[name] for name in SPEAKER_COLUMNS if values.get(name)), ""),
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


def _find_pieces(path: str, columns: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    if START_COLUMN not in columns and END_COLUMN not in columns:
        return list(rows)
    found = []
    for row in rows:
        values = dict(zip(columns, row.fields, strict=False))
        bounds = values.get(START_COLUMN, ""), values.get(END_COLUMN, "")
        if row.problem is None and any(bounds):
            cut = piece(find_audio(Path(path).parent, row.audio_name), *bounds)
            row = replace(row, problem=cut) if isinstance(cut, str) else replace(row, audio=cut)
        found.append(row)
    return found


def _find_members(path: str, rows: Sequence[Row]) -> list[Row]:
    folder = Path(path).parent
    archives: dict[Path, dict[str, AudioReference]] = {}
    found = []
    for row in rows:
        split = _split_member(folder, row.audio_name) if ":" in row.audio_name else None
        if split:
            archive, member = split
            if archive not in archives:
                archives[archive] = members_of(archive)
            audio = archives[archive].get(member)
            if audio is None:
                row = replace(row, problem=row.problem or f"{archive} holds no {member!r}")
            elif row.audio:
                bounds = row.audio
                audio = replace(
                    audio, start_seconds=bounds.start_seconds, end_seconds=bounds.end_seconds
                )
            row = replace(row, audio=audio)
        found.append(row)
    return found


def _split_member(folder: Path, name: str) -> tuple[Path, str] | None:
    """Return the archive and the member that a name means; None where it is a file's."""
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
    """Return a size in bytes; it only informs, so one that is no number is as good as none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
