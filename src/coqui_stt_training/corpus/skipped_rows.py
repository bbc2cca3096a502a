"""The CSV that lists the rows left out of a corpus, and why."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from .csv_file import format_csv, write_corpus_file
from .manifest import Manifest
from .report import Problem
from .rows import Row, RowFile

ADDED_COLUMNS = ("file", "line", "reason")


def write_skipped_rows(
    path: Path,
    files: Iterable[RowFile],
    problems: Iterable[Problem],
    bad_rows: Mapping[str, Sequence[int]],
    *,
    overwrite: bool = True,
) -> Path:
    """Write each row that has a problem: its own columns, then `file`, `line` and `reason`.

    Args:
        path: the CSV file to write.
        files: the files with these rows.
        problems: the problems of the rows.
        bad_rows: numbers of the rows with problems, by file; needed for large files only.
        overwrite: whether to replace an existing file. Otherwise the list is written to the first
            of `skipped_rows-2.csv`, `skipped_rows-3.csv`, ... that does not exist.

    Returns:
        The path of the list.

    Raises:
        CorpusError: the folder cannot be written to.
    """
    reasons: dict[str, list[str]] = {}
    for problem in problems:
        reasons.setdefault(problem.source, []).append(problem.reason)
    skipped = {
        row.source: (file, row)
        for file in files
        for row in _rows_of(file, bad_rows)
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
    """Return the first path without a file, or with a file of the same content."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(
        one
        for one in itertools.chain([path], numbered)
        if not one.exists() or (one.is_file() and one.read_bytes() == content)
    )


def _rows_of(file: RowFile, bad_rows: Mapping[str, Sequence[int]]) -> Iterable[Row]:
    """Return the rows of a file; of a large file, only those with problems."""
    if not isinstance(file.rows, Manifest):
        return file.rows
    return (file.rows[number] for number in bad_rows.get(file.path, ()))
