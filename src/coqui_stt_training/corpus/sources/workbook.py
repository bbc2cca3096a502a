"""Spreadsheets in Excel's format `.xlsx`, which all spreadsheet programs can write."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stt.counted import some_of
from stt.extras import missing_packages

from ...errors import CorpusError
from ..csv_file import Record
from .text_file import EXCEL, read_content

_SUFFIXES = (".xlsx", ".xlsm")
_UNREADABLE_SUFFIXES = (".ods", ".numbers", ".xlsb", ".xls")
_BEGINNINGS = (b"PK", b"\xd0\xcf\x11\xe0")  # zip, and Excel before 2007
_LARGEST_BYTES = 1 << 28
_LARGEST_UNPACKED_BYTES = 1 << 31
_MOST_ROWS = 1 << 20  # of Excel
_MOST_COLUMNS = 64  # a cell far to the right makes all rows as wide


def is_workbook(path: Path, head: bytes) -> bool:
    """Whether a file with these first bytes is a file of a spreadsheet program."""
    suffixes = (*_SUFFIXES, *_UNREADABLE_SUFFIXES)
    return head.startswith(_BEGINNINGS) and path.suffix.lower() in suffixes


def read_workbook(path: Path) -> tuple[tuple[str, ...], list[Record]]:
    """Return the first row of the only sheet that is not empty, and the rows below it.

    Values that are no text are returned as one would type them; formulas as their results when the
    file was saved.

    Raises:
        CorpusError: the file is damaged, empty, protected, of another format, or has several
            sheets; or the package that reads it is not installed.
    """
    remedy = f"a spreadsheet in its program's own format; save it as CSV ({EXCEL})"
    if path.suffix.lower() not in _SUFFIXES:
        raise CorpusError(f"{path}: {remedy}")
    try:
        import openpyxl
    except ImportError:
        lacking = missing_packages("openpyxl", "data")
        raise CorpusError(f"{path}: {remedy}, or {lacking}") from None
    content = _content(path)
    try:
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = {sheet.title: rows for sheet in book.worksheets if (rows := list(_rows(sheet)))}
    # The package has no errors of its own: malformed files raise various exceptions of Python.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise CorpusError(
            f"{path}: a spreadsheet that is damaged ({reason:.200}); save it as CSV ({EXCEL})"
        ) from None
    if len(sheets) > 1:
        raise CorpusError(
            f"{path}: has several sheets that are not empty: {some_of(list(sheets))}; keep the one "
            f"with the clips, or save that as CSV ({EXCEL})"
        )
    for (_, heading), *records in sheets.values():
        return tuple(name.strip() for name in heading), records
    raise CorpusError(f"{path}: the spreadsheet is empty; its first row must name the columns")


def _content(path: Path) -> bytes:
    """Return the content of a file, unless it would unpack to more than a limit."""
    content = read_content(path, _LARGEST_BYTES)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked_bytes = sum(one.file_size for one in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):  # names may not be UTF-8
        raise CorpusError(
            f"{path}: a spreadsheet that is damaged; save it as CSV ({EXCEL})"
        ) from None
    if unpacked_bytes > _LARGEST_UNPACKED_BYTES:
        raise CorpusError(f"{path}: a spreadsheet of more than 2 GB; save it as CSV ({EXCEL})")
    return content


def _rows(sheet: Any) -> Iterator[Record]:
    """Yield the rows of a sheet that are not empty, without empty columns at the end."""
    records = []
    for line, row in enumerate(
        sheet.iter_rows(max_row=_MOST_ROWS, max_col=_MOST_COLUMNS, values_only=True), 1
    ):
        texts = tuple(map(_as_text, row))
        if any(map(str.strip, texts)):
            records.append((line, texts))
    width = max(
        (i + 1 for _, row in records for i, text in enumerate(row) if text.strip()), default=0
    )
    for line, row in records:
        yield line, (row + ("",) * width)[:width]


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
