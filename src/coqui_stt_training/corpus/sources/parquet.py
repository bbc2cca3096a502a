"""Data sets of Hugging Face: Parquet and Arrow files with audio, or with names of audio files.

Arrow files are read in place: each recording is a range of their bytes. Parquet is compressed in
pages, so it is unpacked into an Arrow file once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stt.audio.reference import AudioReference

from ...errors import CorpusError
from ..rows import SPEAKER_COLUMNS, Entry, find_audio
from ..unpacked import unpacked

TEXT_COLUMNS = (
    *("transcript", "text", "sentence", "transcription", "normalized_text", "raw_transcription"),
)
_AUDIO_COLUMNS = ("audio", "speech", "file", "path", "audio_filepath")
_PARQUET, _ARROW = b"PAR1", b"ARROW1"
_STREAM = b"\xff\xff\xff\xff"  # first bytes of an Arrow stream, as `save_to_disk` writes it
_ROWS_AT_ONCE = 64


def begins(head: bytes) -> bool:
    """Whether a file with these first bytes is Parquet or Arrow."""
    return head.startswith((_PARQUET, _ARROW, _STREAM))


def entries(path: Path) -> Iterator[Entry]:
    """Yield the clips of a file.

    Raises:
        CorpusError: the file is damaged or lacks a column of audio or text, or pyarrow is not
            installed.
    """
    try:
        yield from _entries_of_arrow(_arrow_of(path), path)
    except _PackedError:  # Arrow files may be compressed, too
        yield from _entries_of_arrow(_repacked(path), path)


def members(path: Path) -> dict[str, AudioReference]:
    """Return the position of the audio of each row, by its number.

    Raises:
        CorpusError: see `entries`.
    """
    return {str(entry.line): entry.audio for entry in entries(path) if entry.audio}


class _PackedError(Exception):
    """The recordings are not ranges of bytes of the file."""


@dataclass(frozen=True)
class _Columns:
    """The relevant columns of a batch; `contents` or `names` may be missing."""

    rows: int
    contents: Any
    names: Any
    texts: Any
    speakers: Any


def _arrow_of(path: Path) -> Path:
    with path.open("rb") as file:
        return _repacked(path) if file.read(len(_PARQUET)) == _PARQUET else path


def _repacked(path: Path) -> Path:
    return unpacked(path, ".arrow", lambda target: _repack(path, target))


def _repack(path: Path, target: Path) -> None:
    import pyarrow as pa

    schema = pa.schema(
        [
            ("audio", pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])),
            ("text", pa.string()),
            ("speaker", pa.string()),
        ]
    )
    with target.open("wb") as file, pa.ipc.new_file(file, schema) as writer:
        for found in _columns(path, path):
            nothing = [None] * found.rows
            contents, names, texts, speakers = (
                nothing if column is None else column.to_pylist()
                for column in (found.contents, found.names, found.texts, found.speakers)
            )
            audio = [
                {"bytes": content, "path": name}
                for content, name in zip(contents, names, strict=True)
            ]
            who = [None if one is None else str(one) for one in speakers]
            columns = (audio, texts, who)
            arrays = [
                pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)
            ]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _entries_of_arrow(arrow: Path, path: Path) -> Iterator[Entry]:
    import pyarrow as pa

    with pa.memory_map(str(arrow)) as source:
        base, size = source.read_buffer().address, source.size()
    number = 0
    for found in _columns(arrow, path):
        rows = found.rows
        texts = found.texts.to_pylist()
        speakers = [None] * rows if found.speakers is None else found.speakers.to_pylist()
        names = [None] * rows if found.names is None else found.names.to_pylist()
        places = _places(found.contents, rows, base, size)
        for text, speaker, name, (place, length) in zip(
            texts, speakers, names, places, strict=True
        ):
            audio, problem = None, None if text is not None else "its transcript is missing"
            if length >= 0:
                container = "" if arrow == path else str(path)
                audio = AudioReference(
                    arrow, str(number), int(place), int(length), container=container
                )
            elif name:
                audio = AudioReference(find_audio(path.parent, name))
            else:
                problem = "has no audio"
            who = "" if speaker is None else str(speaker)
            yield Entry(f"{path}:{number}", number, text or "", audio, problem, who)
            number += 1


def _places(contents: Any, rows: int, base: int, size: int) -> NDArray[np.int64]:
    """Return the offset of each value of a binary column in the mapped file, and its length.

    Returns:
        `[rows, 2]`; the length is -1 for missing values.

    Raises:
        _PackedError: the column is not in the mapped file.
    """
    if contents is None or not rows:
        return np.full((rows, 2), -1, np.int64)
    _, offsets, values = contents.buffers()
    kind = np.int64 if offsets.size >= 8 * (rows + 1) and _is_large(contents) else np.int32
    bounds = np.frombuffer(offsets, kind, contents.offset + rows + 1)[contents.offset :]
    bounds = bounds.astype(np.int64)
    start = 0 if values is None else values.address - base
    if not 0 <= start <= size - (0 if values is None else values.size):
        raise _PackedError
    lengths = np.where(contents.is_valid().to_numpy(zero_copy_only=False), np.diff(bounds), -1)
    return np.stack([start + bounds[:-1], lengths], axis=1)


def _is_large(contents: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_large_binary(contents.type))


def _columns_of(batch: Any, path: Path) -> _Columns:
    """Find the columns of audio, text and speaker.

    Raises:
        CorpusError: there is no column of audio or text.
    """
    import pyarrow as pa

    names = batch.schema.names
    text = _first_of(names, TEXT_COLUMNS)
    audio = _first_of(names, _AUDIO_COLUMNS)
    if audio is None or text is None:
        what, known = ("audio", _AUDIO_COLUMNS) if audio is None else ("transcripts", TEXT_COLUMNS)
        raise CorpusError(
            f"{path}: no column of {what}; it has {', '.join(names)[:200]}, and one of these is "
            f"read: {', '.join(known)}"
        )
    speaker = _first_of(names, SPEAKER_COLUMNS)
    column, texts = batch.column(audio), batch.column(text)
    parts = {"": column}
    if pa.types.is_struct(column.type):
        fields = [column.type.field(index).name for index in range(column.type.num_fields)]
        parts = dict(zip(fields, column.flatten(), strict=True))
    contents = next((part for part in parts.values() if _is_binary(part.type)), None)
    files = next((part for part in parts.values() if _is_text(part.type)), None)
    if not _is_text(texts.type) or (contents is None and files is None):
        bad = text if contents is not None or files is not None else audio
        raise CorpusError(
            f"{path}: the column {bad} is of type {batch.column(bad).type}; transcripts are text, "
            "and audio is bytes, the name of a file, or a struct of both"
        )
    speakers = batch.column(speaker) if speaker else None
    return _Columns(batch.num_rows, contents, files, texts, speakers)


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _first_of(names: Sequence[str], known: Sequence[str]) -> str | None:
    return next((name for name in known if name in names), None)


def _columns(path: Path, named: Path) -> Iterator[_Columns]:
    """Yield the columns of each record batch of a Parquet or Arrow file; errors name `named`."""
    try:
        import pyarrow as pa
    except ImportError:
        from stt.extras import missing_packages

        raise CorpusError(
            f"{named}: to read Parquet and Arrow, {missing_packages('pyarrow', 'data')}"
        ) from None
    try:
        with path.open("rb") as file:
            head = file.read(len(_ARROW))
        batches = _parquet_batches if head.startswith(_PARQUET) else _arrow_batches
        for batch in batches(path, head):
            batch.validate(full=True)
            yield _columns_of(batch, named)
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        kind = "Parquet" if head.startswith(_PARQUET) else "Arrow"
        reason = " ".join(str(error).split())[:150]
        raise CorpusError(
            f"{named}: a damaged {kind} file ({reason}); copy or make it again"
        ) from None


def _parquet_batches(path: Path, head: bytes) -> Iterator[Any]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as parquet:
        names = set(parquet.schema_arrow.names)
        wanted = (_AUDIO_COLUMNS, TEXT_COLUMNS, SPEAKER_COLUMNS)
        columns = [name for known in wanted if (name := _first_of(list(names), known))]
        yield from parquet.iter_batches(_ROWS_AT_ONCE, columns=columns or None)


def _arrow_batches(path: Path, head: bytes) -> Iterator[Any]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        if not head.startswith(_ARROW):
            yield from pa.ipc.open_stream(source)
            return
        reader = pa.ipc.open_file(source)
        yield from (reader.get_batch(index) for index in range(reader.num_record_batches))
