"""Reads TensorFlow's checkpoint format ("tensor bundle") without TensorFlow.

    PREFIX.index                   a LevelDB table: tensor name -> BundleEntryProto
    PREFIX.data-00000-of-00002     raw little-endian values, at the offsets the entries say
    PREFIX.data-00001-of-00002

Formats: tensorflow/core/protobuf/tensor_bundle.proto and
https://github.com/google/leveldb/blob/main/doc/table_format.md. Every block of the index and every
tensor has a CRC-32C. It is verified, so a damaged file is an error and never gives wrong weights.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.regular_file import open_regular, read_regular
from stt.protobuf import BYTES, FIXED32, VARINT, read_fields, read_varint, signed

from ...errors import CheckpointError

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
_FOOTER_BYTES = 48
_BLOCK_TRAILER_BYTES = 5  # compression type, masked CRC-32C
# Upstream's indexes have some 50 entries in 2 KB. Larger ones may be meant to fill the memory.
_LARGEST_INDEX_BYTES = 16 << 20
_MOST_ENTRIES = 10_000
_LONGEST_KEY_BYTES = 4096
_CHUNK_BYTES = 4 << 20  # read and checksummed at a time, to stay in the processor's cache

_DTYPE_NAMES = {
    **{1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string"},
    **{9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 19: "float16", 20: "resource"},
}
_NUMPY_DTYPES = {"float32": "<f4", "float64": "<f8", "int32": "<i4", "int64": "<i8"}


@dataclass(frozen=True)
class BundleEntry:
    """Type, shape and location of a tensor (BundleEntryProto)."""

    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset_bytes: int
    size_bytes: int
    masked_crc: int
    is_sliced: bool


class TensorBundle:
    """The index of a checkpoint; tensors are read when they are asked for.

    Args:
        prefix: path of the checkpoint without `.index`.

    Raises:
        CheckpointError: the index is missing, damaged, or contradictory.
    """

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.index_path = with_suffix(prefix, ".index")
        items: dict[bytes, bytes] = {}
        for key, value in _read_table(_read_index_file(self.index_path), str(self.index_path)):
            items[key] = value
            if len(items) > _MOST_ENTRIES or len(key) > _LONGEST_KEY_BYTES:
                raise CheckpointError(
                    f"{self.index_path} lists more, or longer, names than any speech model has"
                )
        if b"" not in items:
            raise CheckpointError(
                f"{self.index_path} has no header; it is a LevelDB table, but not the index of a "
                "TensorFlow checkpoint"
            )
        self.shard_count = self._read_header(items.pop(b""))
        self.entries: Mapping[str, BundleEntry] = {
            key.decode("utf-8", "backslashreplace"): self._read_entry(key, value)
            for key, value in items.items()
        }

    def _read_header(self, message: bytes) -> int:
        source = f"{self.index_path}: the header"
        shard_count, is_big_endian = 0, False
        for number, wire_type, value in read_fields(message, source, CheckpointError):
            if (number, wire_type) == (1, VARINT):
                shard_count = _integer(value)
            elif (number, wire_type) == (2, VARINT):
                is_big_endian = bool(value)
        if is_big_endian:
            raise CheckpointError(f"{source} says big-endian; only little-endian files are read")
        if not 0 < shard_count < 100_000:
            raise CheckpointError(f"{source} says {shard_count} data files; the index is damaged")
        return shard_count

    def _read_entry(self, key: bytes, message: bytes) -> BundleEntry:
        source = f"{self.index_path}: the entry of {key.decode('utf-8', 'backslashreplace')!r}"
        numbers = {1: 0, 3: 0, 4: 0, 5: 0, 6: 0}
        shape: tuple[int, ...] = ()
        is_sliced = False
        for number, wire_type, value in read_fields(message, source, CheckpointError):
            if (number, wire_type) == (2, BYTES):
                shape = _read_shape(bytes(value), source)
            elif number == 7:
                is_sliced = True
            elif number in numbers and wire_type == (FIXED32 if number == 6 else VARINT):
                numbers[number] = _integer(value)
        entry = BundleEntry(
            dtype=_DTYPE_NAMES.get(numbers[1], f"type {numbers[1]}"),
            shape=shape,
            shard=numbers[3],
            offset_bytes=signed(numbers[4]),
            size_bytes=signed(numbers[5]),
            masked_crc=numbers[6],
            is_sliced=is_sliced,
        )
        if entry.offset_bytes < 0 or entry.size_bytes < 0 or min(shape, default=0) < 0:
            raise CheckpointError(f"{source} has a negative size or offset; the index is damaged")
        if entry.shard >= self.shard_count:
            raise CheckpointError(
                f"{source} points to data file {entry.shard} of {self.shard_count}; "
                "the index is damaged"
            )
        return entry

    def shard_path(self, shard: int) -> Path:
        """Return the path of a data file."""
        return with_suffix(self.prefix, f".data-{shard:05d}-of-{self.shard_count:05d}")

    def read(self, name: str, dtype: str = "float32") -> NDArray[Any]:
        """Read one tensor and verify its checksum.

        Args:
            name: name of the tensor.
            dtype: type that it must have: `float32`, `float64`, `int32` or `int64`.

        Returns:
            A new array of the entry's shape.

        Raises:
            CheckpointError: the tensor is missing or of another type, or its data file is missing,
                too short, or damaged.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise CheckpointError(f"{self.index_path} has no tensor {name!r}")
        if entry.dtype != dtype:
            raise CheckpointError(
                f"{self.index_path}: tensor {name!r} is {entry.dtype}; {dtype} is expected"
            )
        if entry.is_sliced:
            raise CheckpointError(
                f"{self.index_path}: tensor {name!r} is stored in slices (a partitioned variable), "
                "which are not read; save the checkpoint anew without a partitioner"
            )
        numpy_dtype = np.dtype(_NUMPY_DTYPES[dtype])
        expected_bytes = math.prod(entry.shape) * numpy_dtype.itemsize
        if entry.size_bytes != expected_bytes:
            raise CheckpointError(
                f"{self.index_path}: tensor {name!r} of shape {list(entry.shape)} takes "
                f"{expected_bytes} bytes, but its entry says {entry.size_bytes}; "
                "the index is damaged"
            )
        return self._read_bytes(name, entry).view(numpy_dtype).reshape(entry.shape)

    def _read_bytes(self, name: str, entry: BundleEntry) -> NDArray[np.uint8]:
        path = self.shard_path(entry.shard)
        try:
            with open_regular(path, buffering=0) as file:
                available = os.fstat(file.fileno()).st_size
                if entry.offset_bytes + entry.size_bytes > available:
                    raise CheckpointError(
                        f"{path} is cut off: it has {available} bytes, and tensor {name!r} lies at "
                        f"bytes {entry.offset_bytes} to {entry.offset_bytes + entry.size_bytes}; "
                        "copy or download it again"
                    )
                data = np.empty(entry.size_bytes, np.uint8)
                file.seek(entry.offset_bytes)
                crc = 0
                for start in range(0, entry.size_bytes, _CHUNK_BYTES):
                    chunk = data[start : start + _CHUNK_BYTES]
                    _read_into(file, chunk, path)
                    crc = google_crc32c.extend(crc, chunk)
        except FileNotFoundError:
            raise CheckpointError(
                f"{path} is missing: the checkpoint has {self.shard_count} data file(s), and "
                f"tensor {name!r} lies in this one; copy it to where the index is"
            ) from None
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None
        except MemoryError:
            raise CheckpointError(
                f"{path}: tensor {name!r} of {entry.size_bytes} bytes does not fit in memory"
            ) from None
        if mask_crc(crc) != entry.masked_crc:
            raise CheckpointError(
                f"{path}: the checksum of tensor {name!r} does not match; the file is damaged, "
                "copy or download it again"
            )
        return data


def with_suffix(prefix: Path, suffix: str) -> Path:
    """Append a suffix to the last component of a path, even if that contains dots."""
    return prefix.parent / (prefix.name + suffix)


def mask_crc(crc: int) -> int:
    """Mask a CRC-32C by rotation and an offset, as LevelDB does before it stores one."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _integer(value: int | bytes) -> int:
    return value if isinstance(value, int) else 0


def _read_into(file: Any, chunk: NDArray[np.uint8], path: Path) -> None:
    view = chunk.data
    while view:
        count = file.readinto(view)
        if not count:
            raise CheckpointError(f"{path} became shorter while it was read")
        view = view[count:]


def _read_shape(message: bytes, source: str) -> tuple[int, ...]:
    """Read a TensorShapeProto: each dimension is a message whose field 1 is its size."""
    shape = []
    for number, wire_type, value in read_fields(message, source, CheckpointError):
        if (number, wire_type) != (2, BYTES):
            continue
        size = 0
        for dimension, dimension_type, dimension_size in read_fields(
            bytes(value), source, CheckpointError
        ):
            if (dimension, dimension_type) == (1, VARINT):
                size = signed(_integer(dimension_size))
        shape.append(size)
    return tuple(shape)


def _read_index_file(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _LARGEST_INDEX_BYTES:
            raise CheckpointError(
                f"{path} has {size} bytes; an index of a speech model has some thousand"
            )
        content = read_regular(path)
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} is missing; a checkpoint is its index and data files"
        ) from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None
    if len(content) < _FOOTER_BYTES or content[-len(TABLE_MAGIC) :] != TABLE_MAGIC:
        raise CheckpointError(
            f"{path} ({len(content)} bytes) does not end as the index of a TensorFlow checkpoint "
            "does; it is cut off or another kind of file"
        )
    return content


def _read_table(content: bytes, source: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a LevelDB table."""
    footer = content[-_FOOTER_BYTES : -len(TABLE_MAGIC)]
    _, offset = _read_handle(footer, 0, source)
    (block_offset, block_size), _ = _read_handle(footer, offset, source)
    seen = 0
    for _, handle in _read_block(content, block_offset, block_size, source):
        (data_offset, data_size), _ = _read_handle(handle, 0, source)
        seen += data_size
        if seen > len(content):
            raise CheckpointError(f"{source} lists blocks that overlap; it is damaged")
        yield from _read_block(content, data_offset, data_size, source)


def _read_handle(buffer: bytes, offset: int, source: str) -> tuple[tuple[int, int], int]:
    block_offset, offset = read_varint(buffer, offset, source, CheckpointError)
    block_size, offset = read_varint(buffer, offset, source, CheckpointError)
    return (block_offset, block_size), offset


def _read_block(
    content: bytes, offset: int, size: int, source: str
) -> Iterator[tuple[bytes, bytes]]:
    """Verify one block and yield its keys and values."""
    end = offset + size
    if end + _BLOCK_TRAILER_BYTES > len(content):
        raise CheckpointError(
            f"{source} is cut off or damaged: a block reaches to byte {end} of {len(content)}"
        )
    crc = google_crc32c.value(content[offset : end + 1])
    stored = int.from_bytes(content[end + 1 : end + _BLOCK_TRAILER_BYTES], "little")
    if mask_crc(crc) != stored:
        raise CheckpointError(
            f"{source}: the checksum of the block at byte {offset} does not match; the index is "
            "damaged, copy or download it again"
        )
    if content[end] != 0:
        raise CheckpointError(
            f"{source} is compressed (type {content[end]}), which TensorFlow never does"
        )
    yield from _read_block_entries(content[offset:end], source)


def _read_block_entries(block: bytes, source: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of a block; each key is stored without its common prefix.

    The common prefix is that with the key before it.
    """
    restart_count = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restart_count + 1)
    if len(block) < 4 or end < 0:
        raise CheckpointError(f"{source} has a block whose {restart_count} restarts do not fit")
    offset, key = 0, b""
    while offset < end:
        shared, offset = read_varint(block, offset, source, CheckpointError)
        unshared, offset = read_varint(block, offset, source, CheckpointError)
        value_size, offset = read_varint(block, offset, source, CheckpointError)
        if shared > len(key) or unshared + value_size > end - offset:
            raise CheckpointError(f"{source} has an entry that reaches past its block")
        key = key[:shared] + block[offset : offset + unshared]
        offset += unshared
        yield key, block[offset : offset + value_size]
        offset += value_size
