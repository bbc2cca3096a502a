"""The CSV that lists the rows left out of a corpus, and why."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from .csv_file import format_csv, write_corpus_file
from .manifest import Manifest
from .report import Problem
from .rows import Row, RowFile

ADDED_COLUMNS = ("file", "line", "reason")


def write_skipped_rows(
    path: Path, files: Iterable[RowFile], problems: Iterable[Problem], *, overwrite: bool = True
) -> Path:
    """Write each row that has a problem: its own columns, then `file`, `line` and `reason`.

    Args:
        path: the CSV file to write.
        files: whose rows these are.
        problems: of the rows.
        overwrite: whether a file that is there is replaced. Otherwise the list goes to the first
            of `skipped_rows-2.csv`, `skipped_rows-3.csv`, ... that is free.

    Returns:
        Where the list is.

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
    content = format_csv(list(columns), records)
    if not overwrite:
        path = _free(path, content)
    write_corpus_file(path, content)
    return path


def _free(path: Path, content: bytes) -> Path:
    """Return the first place where no file is, or one that says the same."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(
        one
        for one in itertools.chain([path], numbered)
        if not one.exists() or (one.is_file() and one.read_bytes() == content)
    )


def _rows_of(file: RowFile, sources: Iterable[str]) -> Iterable[Row]:
    """Return the rows of a file; of a large one, those of these sources' lines."""
    if not isinstance(file.rows, Manifest):
        return file.rows
    own = (source for source in sources if source.startswith(f"{file.path}:"))
    return file.rows.at_lines([int(source.rpartition(":")[2]) for source in own])
