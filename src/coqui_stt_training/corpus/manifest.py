"""Large CSV files as columns on disk, mapped into memory: a row is made when it is asked for.

A row of Python objects takes some 2 KB, its text a tenth of that. So files beyond `LARGE_CSV_BYTES`
are written once into the data cache as an Arrow file (see `unpacked`), anew when they change, and
rows are made from that, by the very code that makes those of small files.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from .csv_file import read_header, read_records
from .rows import AUDIO_COLUMN, TRANSCRIPT_COLUMN, Row
from .unpacked import unpacked

LARGE_CSV_BYTES = 16 << 20  # some hundred thousand rows

_SUFFIX = ".rows-1.arrow"
_ROWS_AT_ONCE = 1 << 16
_BLOCK_BYTES = 2 << 20  # of text; checks need some thirty times as much
_LINE, _ODD = "line", "odd"  # beside the columns of the file, which are called 0, 1, ...
_log = logging.getLogger(__name__)

MakeRow = Callable[[int, tuple[str, ...]], Row]


class _UnevenError(Exception):
    """Lines are not rows one to one, so that only Python's reader knows the numbers of lines."""


@dataclass(frozen=True)
class Manifest(Sequence[Row]):
    """The rows of a large CSV file.

    Attributes:
        columns: their names.
        arrow: the file that holds them.
        make_row: makes a row of the line it begins at and its fields.
    """

    columns: tuple[str, ...]
    arrow: Path
    make_row: MakeRow

    @cached_property
    def batches(self) -> Sequence[Any]:
        """The record batches, mapped; strings in columns `0`, `1`, ..., see `field`."""
        import pyarrow as pa

        reader = pa.ipc.open_file(pa.memory_map(str(self.arrow)))
        return [reader.get_batch(index) for index in range(reader.num_record_batches)]

    def passed_over(self) -> Iterator[Any]:
        """Yield the record batches one after another, and keep none of them in memory."""
        import pyarrow as pa

        with pa.OSFile(str(self.arrow)) as source:
            reader = pa.ipc.open_file(source)
            yield from (reader.get_batch(index) for index in range(reader.num_record_batches))

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The number of the first row of each batch, and of all rows."""
        return np.cumsum([0, *(batch.num_rows for batch in self.batches)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __iter__(self) -> Iterator[Row]:
        for batch in self.passed_over():
            yield from self._rows_of(batch)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        place = int(np.searchsorted(self.starts, number, side="right")) - 1
        first = number - int(self.starts[place])
        return next(self._rows_of(self.batches[place].slice(first, 1)))

    def transcripts(self) -> Transcripts:
        """Return the transcripts of all rows whose form is good."""
        return Transcripts(self)

    def rows_named(self, names: Collection[str]) -> NDArray[np.int64]:
        """Return the numbers of the rows whose audio has one of these names."""
        import pyarrow as pa
        import pyarrow.compute

        wanted = pa.array(sorted(names), pa.string())
        parts = [np.empty(0, np.int64)]
        for batch, start in zip(self.passed_over(), self.starts.tolist(), strict=False):
            held = pyarrow.compute.is_in(self.field(batch, AUDIO_COLUMN), value_set=wanted)
            parts.append(start + np.flatnonzero(held.to_numpy(zero_copy_only=False)))
        return np.concatenate(parts)

    def hiding(self, column: str) -> Manifest:
        """Return the same rows, with a column that `field` does not find."""
        unnamed = tuple("" if name == column else name for name in self.columns)
        return replace(self, columns=unnamed)

    def changed(self, change: Callable[[Row], Row]) -> Manifest:
        """Return the same rows, each changed when it is made."""
        return replace(self, make_row=lambda line, fields: change(self.make_row(line, fields)))

    def field(self, batch: Any, column: str) -> Any | None:
        """Return a column of a batch, an Arrow array of strings; None where there is none."""
        return batch.column(str(self.columns.index(column))) if column in self.columns else None

    def is_odd(self, batch: Any) -> NDArray[np.bool_]:
        """Return which rows of a batch have more or fewer fields than there are columns."""
        return np.asarray(batch.column(_ODD).is_valid().to_numpy(zero_copy_only=False))

    def _rows_of(self, batch: Any) -> Iterator[Row]:
        lines, odd = batch.column(_LINE).to_pylist(), batch.column(_ODD).to_pylist()
        columns = [batch.column(str(index)).to_pylist() for index in range(len(self.columns))]
        for line, other, *fields in zip(lines, odd, *columns, strict=True):
            yield self.make_row(line, tuple(fields if other is None else json.loads(other)))


@dataclass(frozen=True)
class Transcripts(Iterable[str]):
    """Transcripts of a manifest, without making its rows."""

    manifest: Manifest

    def __iter__(self) -> Iterator[str]:
        for batch in self.manifest.passed_over():
            texts = self.manifest.field(batch, TRANSCRIPT_COLUMN)
            if texts is not None:
                import pyarrow.compute

                for text in pyarrow.compute.utf8_normalize(texts, form="NFC").to_pylist():
                    if "\n" not in text and "\r" not in text:
                        yield text


def has_pyarrow() -> bool:
    """Whether pyarrow is there, which columns on disk are written and read with."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def is_large(path: Path, limit_bytes: int = LARGE_CSV_BYTES) -> bool:
    """Whether a CSV file is to be read as a manifest; without pyarrow none is, which it says."""
    if path.stat().st_size < limit_bytes:
        return False
    if not has_pyarrow():
        from stt.extras import missing_packages

        _log.warning(
            "%s: to keep its rows on disk and not in memory, %s",
            path, missing_packages("pyarrow", "data"),
        )  # fmt: skip
        return False
    return True


def open_manifest(
    path: Path, columns: tuple[str, ...], make_row: MakeRow, separator: str = ","
) -> Manifest:
    """Return the rows of a CSV file; the first time, write them to the data cache.

    Args:
        path: the file.
        columns: names of its columns.
        make_row: makes a row of its line number and its fields.
        separator: character between fields.

    Raises:
        CorpusError: it is not UTF-8, a quote is open for 128 KiB, or the cache cannot be written.
    """

    def write(target: Path) -> None:
        try:
            write_arrow(target, _even_batches(path, columns, separator), len(columns))
        except _UnevenError:
            write_arrow(target, _any_batches(path, columns, separator), len(columns))

    return Manifest(columns, unpacked(path, _SUFFIX, write), make_row)


def read_columns(path: Path, separator: str = ",") -> tuple[str, ...]:
    """Return the column names of a CSV file, without blanks around them.

    Raises:
        CorpusError: it is empty, or not UTF-8, or a quote is open for 128 KiB.
    """
    with _opened(path) as file:
        return read_header(read_records(file, str(path), separator), str(path))


def _opened(path: Path) -> Any:
    return path.open(encoding="utf-8-sig", newline="")


def write_arrow(target: Path, batches: Iterator[list[Any]], count: int) -> None:
    """Write batches: so many columns of strings, then lines, then what is odd about rows."""
    import pyarrow as pa

    names = [*map(str, range(count)), _LINE, _ODD]
    kinds = [*[pa.string()] * count, pa.int64(), pa.string()]
    schema = pa.schema(list(zip(names, kinds, strict=True)))
    with target.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
        for arrays in batches:
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _even_batches(path: Path, columns: Sequence[str], separator: str) -> Iterator[list[Any]]:
    """Yield batches of a file in which every line is a row, as Arrow reads it: seven times faster.

    Raises:
        _UnevenError: one is not, or is none that Arrow reads.
    """
    import pyarrow as pa
    import pyarrow.csv

    names = [str(index) for index in range(len(columns))]
    line = 2
    try:
        with pyarrow.csv.open_csv(
            path,
            pyarrow.csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, column_names=names, skip_rows=1
            ),
            pyarrow.csv.ParseOptions(delimiter=separator, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        ) as reader:
            for batch in reader:
                if _has_blank_lines(batch):
                    raise _UnevenError
                rows = batch.num_rows
                lines = pa.array(np.arange(line, line + rows), pa.int64())
                yield [*batch.columns, lines, pa.nulls(rows, pa.string())]
                line += rows
    except pa.ArrowException:
        raise _UnevenError from None
    if line - 1 != _line_count(path):
        raise _UnevenError


def _has_blank_lines(batch: Any) -> bool:
    """Whether all fields of a row are empty, as Arrow reads a line without anything."""
    import pyarrow.compute

    lengths = [
        pyarrow.compute.binary_length(column).to_numpy(zero_copy_only=False)
        for column in batch.columns
    ]
    return bool((sum(lengths) == 0).any())


def _line_count(path: Path) -> int:
    count, last = 0, b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last not in (b"", b"\n"))


def _any_batches(path: Path, columns: Sequence[str], separator: str) -> Iterator[list[Any]]:
    """Yield batches of any CSV file, as Python reads it.

    Raises:
        CorpusError: see `open_manifest`.
    """
    import pyarrow as pa

    with _opened(path) as file:
        records = read_records(file, str(path), separator)
        next(records)  # the header
        while some := list(itertools.islice(records, _ROWS_AT_ONCE)):
            lines, odd = [], []
            texts: list[Sequence[str]] = []
            for line, fields in some:
                lines.append(line)
                even = len(fields) == len(columns)
                odd.append(None if even else json.dumps(fields))
                texts.append(fields if even else [""] * len(columns))
            arrays = [pa.array(column, pa.string()) for column in zip(*texts, strict=True)]
            yield [*arrays, pa.array(lines, pa.int64()), pa.array(odd, pa.string())]
