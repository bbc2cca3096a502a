"""CSV files: UTF-8, with or without a byte order mark, LF or CRLF; commas between, if not said."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stt.atomic_file import write_atomically

from ..errors import CorpusError
from .sources.text_file import read_text

Record = tuple[int, tuple[str, ...]]  # the line it begins at, counted from 1; its fields


def parse_csv(path: str | Path) -> tuple[tuple[str, ...], list[Record]]:
    """Read a CSV file's column names, stripped of blanks, and its records; blank lines are skipped.

    Raises:
        CorpusError: the file is missing, empty, not UTF-8, or a quote is open for 128 KiB.
    """
    return parse_csv_text(read_text(path), str(path))


def parse_csv_text(
    text: str, name: str, separator: str = ","
) -> tuple[tuple[str, ...], list[Record]]:
    """Read the text of a CSV file, see `parse_csv`; `name` is for errors.

    Raises:
        CorpusError: it is empty, or a quote is open for 128 KiB.
    """
    records = read_records(io.StringIO(text, newline=""), name, separator)
    return read_header(records, name), list(records)


def read_header(records: Iterator[Record], name: str) -> tuple[str, ...]:
    """Return the column names that the first record has, stripped of blanks; `name` is for errors.

    Raises:
        CorpusError: there is none.
    """
    for _, fields in records:
        return tuple(field.strip() for field in fields)
    raise CorpusError(f"{name}: the file is empty; its first line must name the columns")


def read_records(text: Iterable[str], name: str, separator: str = ",") -> Iterator[Record]:
    """Yield the header of a CSV file and its records; blank lines, and Excel's `,,`, are skipped.

    Args:
        text: its lines, whose ends are as they are there.
        name: for errors.
        separator: what stands between fields.

    Raises:
        CorpusError: a quote is open for 128 KiB, or the text is not UTF-8, where it is read here.
    """
    reader = csv.reader(text, delimiter=separator)
    line = 1
    try:
        for fields in reader:
            if any(map(str.strip, fields)):
                yield line, tuple(fields)
            line = reader.line_num + 1
    except UnicodeDecodeError:
        raise CorpusError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from None
    except csv.Error as error:
        raise CorpusError(
            f"{name}:{line}: not a CSV record ({error}); a double quote may be left open"
        ) from None


def format_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return the content of a CSV file, UTF-8 with LF line ends."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue().encode()


def write_csv(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file atomically, UTF-8 with LF line ends.

    Raises:
        CorpusError: the folder cannot be written to.
    """
    write_corpus_file(path, format_csv(columns, rows))


def write_corpus_file(path: str | Path, content: bytes) -> None:
    """Write a file atomically.

    Raises:
        CorpusError: the folder cannot be written to.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise CorpusError(f"{path}: cannot be written ({error.strerror or error})") from None
