"""The CSV that lists the rows left out of a corpus, and why."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .csv_file import write_csv
from .manifest import Manifest
from .report import Problem
from .rows import Row, RowFile

ADDED_COLUMNS = ("file", "line", "reason")


def write_skipped_rows(path: Path, files: Iterable[RowFile], problems: Iterable[Problem]) -> None:
    """Write each row that has a problem: its own columns, then `file`, `line` and `reason`.

    Raises:
        CorpusError: the folder cannot be written to.
    """
    reasons: dict[str, list[str]] = {}
    for problem in problems:
        reasons.setdefault(problem.source, []).append(problem.reason)
    skipped = {
        row.source: (file, row)
        for file in files
        for row in _rows_of(file, reasons)
        if row.source in reasons
    }
    columns = dict.fromkeys(column for file, _ in skipped.values() for column in file.columns)
    columns.update(dict.fromkeys(ADDED_COLUMNS))
    records = []
    for source, (file, row) in skipped.items():
        values: dict[str, object] = dict(zip(file.columns, row.fields, strict=False))
        values |= {"file": file.path, "line": row.line, "reason": "; ".join(reasons[source])}
        records.append([values.get(column, "") for column in columns])
    write_csv(path, list(columns), records)


def _rows_of(file: RowFile, sources: Iterable[str]) -> Iterable[Row]:
    """Return the rows of a file; of a large one, those of these sources' lines."""
    if not isinstance(file.rows, Manifest):
        return file.rows
    own = (source for source in sources if source.startswith(f"{file.path}:"))
    return file.rows.at_lines([int(source.rpartition(":")[2]) for source in own])
