"""Collections of very many clips in archives or lists: where each clip is, as columns on disk.

The shards of a web data set are looked through once; the index is kept in the data cache until one
of them changes. Batches then read clips where they lie, in any order, so that a run goes on in the
middle of an epoch without reading what came before.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from stt.audio.reference import AudioReference, Packing

from .manifest import Manifest, has_pyarrow, write_arrow
from .rows import ENTRY_COLUMNS, Entry, Row, RowFile, bounded, row_of_entry
from .unpacked import cached_name, made_once

_DURATION = "duration"
_HIDDEN = ("@source", "@path", "@member", "@offset", "@bytes", "@packing", "@container", "@problem")
_COLUMNS = (*ENTRY_COLUMNS, _DURATION, *_HIDDEN)
_SUFFIX = ".index-1.arrow"
_ROWS_AT_ONCE = 1 << 14
_log = logging.getLogger(__name__)


def find_index(name: str, files: Sequence[Path], more_than: int) -> RowFile | None:
    """Return the indexed collection of these files, if it has more clips than `more_than`.

    None if there is no index, or one of the files has changed.
    """
    path = cached_name(files, _SUFFIX, _context(name))
    if not path.exists() or not has_pyarrow():  # the import takes time: look for the file first
        return None
    found = _row_file(name, path)
    return found if len(found.rows) > more_than else None


def make_index(name: str, files: Sequence[Path], entries: Iterable[Entry]) -> RowFile:
    """Write the index of a collection of these files, and return the collection.

    Raises:
        CorpusError: raised by `entries`; or the cache cannot be written to.
    """
    _log.info("%s: many clips, of which an index is written once", name)

    def write(target: Path) -> None:
        write_arrow(target, _batches(entries), len(_COLUMNS))

    path = made_once(files, _SUFFIX, write, _context(name))
    return _row_file(name, path)


def _context(name: str) -> str:
    """Return what an index depends on besides the files: relative paths in it begin here."""
    return f"{Path.cwd()}\0{name}"


def entries_of(file: RowFile) -> Iterator[Entry]:
    """Yield the rows of a collection as entries."""
    for row in file.rows:
        audio = None if row.problem and row.audio is None else file.audio_of(row)
        yield Entry(
            row.source, row.line, row.transcript, audio, row.problem, row.speaker, row.seconds
        )


def _row_file(name: str, arrow: Path) -> RowFile:
    home = Path(name).parent

    def make_row(line: int, fields: tuple[str, ...]) -> Row:
        return row_of_entry(_entry(line, fields), home, pieces=True, speakers=True)

    return RowFile(name, ENTRY_COLUMNS, Manifest(_COLUMNS, arrow, make_row))


def _batches(entries: Iterable[Entry]) -> Iterator[list[Any]]:
    import pyarrow as pa

    stream = iter(entries)
    while some := list(itertools.islice(stream, _ROWS_AT_ONCE)):
        columns = zip(*map(_fields, map(bounded, some)), strict=True)
        lines = pa.array([entry.line for entry in some], pa.int64())
        yield [
            *(pa.array(column, pa.string()) for column in columns),
            lines,
            pa.nulls(len(some), pa.string()),
        ]


def _fields(entry: Entry) -> tuple[str, ...]:
    """Return an entry as texts, in the order of `_COLUMNS`."""
    audio = entry.audio
    seconds = "" if entry.seconds is None else f"{entry.seconds:.6f}"
    if audio is None:
        nothing = ("",) * len(_HIDDEN[1:-1])
        given = ("", "", entry.transcript, "", "", entry.speaker, seconds, entry.source)
        return (*given, *nothing, entry.problem or "has no audio")
    size = "" if audio.size_bytes is None else str(audio.size_bytes)
    start = repr(audio.start_seconds) if audio.is_piece else ""
    end = "" if audio.end_seconds is None else repr(audio.end_seconds)
    return (
        str(audio), size, entry.transcript, start, end, entry.speaker, seconds, entry.source,
        str(audio.path), audio.member, str(audio.offset_bytes), size, audio.packing,
        audio.container, entry.problem or "",
    )  # fmt: skip


def _entry(line: int, fields: tuple[str, ...]) -> Entry:
    values = dict(zip(_COLUMNS, fields, strict=True))
    audio = None
    if values["@path"]:
        end, size = values["end_seconds"], values["@bytes"]
        audio = AudioReference(
            Path(values["@path"]),
            values["@member"],
            int(values["@offset"]),
            int(size) if size else None,
            cast(Packing, values["@packing"]),
            float(values["start_seconds"] or 0),
            float(end) if end else None,
            values["@container"],
        )
    seconds = values[_DURATION]
    return Entry(
        values["@source"],
        line,
        values["transcript"],
        audio,
        values["@problem"] or None,
        values["speaker"],
        float(seconds) if seconds else None,
    )
