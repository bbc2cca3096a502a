"""FlatBuffers, as little of the format as reading a TFLite model takes.

https://flatbuffers.dev/internals/. A table starts with the distance back to its vtable, which lists
where in the table each field lies; strings, vectors and tables are reached by relative offsets.
Every offset and length is checked against the file, so no file can lead outside it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..errors import CheckpointError

# A model of 16 unrolled frames has some 400 tensors and operators, whose shapes and inputs take
# kilobytes; what is far beyond is an attack on memory.
_MOST_TABLES = 20_000
_MOST_UNPACKED_BYTES = 4 << 20


class FlatBuffer:
    """The bytes of a file.

    Args:
        data: all of it.
        source: what it is, for errors.
    """

    def __init__(self, data: bytes, source: str) -> None:
        self.data = memoryview(data)
        self.source = source
        self._unpacked_bytes = 0

    def root(self) -> Table:
        """Return the table that the file is."""
        return Table(self, self.uint32(0))

    def take(self, offset: int, size: int) -> memoryview:
        """Return `size` bytes at an offset.

        Raises:
            CheckpointError: they are not all in the file.
        """
        if offset < 0 or size < 0 or offset + size > len(self.data):
            raise CheckpointError(
                f"{self.source} is cut off or damaged: it points to byte {offset + size} of "
                f"{len(self.data)}"
            )
        return self.data[offset : offset + size]

    def unpack(self, format_: str, offset: int) -> int | float:
        """Return one little-endian number, of a `struct` format character."""
        (value,) = struct.unpack("<" + format_, self.take(offset, struct.calcsize(format_)))
        return value  # type: ignore[no-any-return]

    def uint32(self, offset: int) -> int:
        """Return an unsigned number of four bytes."""
        return int.from_bytes(self.take(offset, 4), "little")

    def vector(self, offset: int, item_bytes: int) -> memoryview:
        """Return the items of the vector at an offset, after its length."""
        return self.take(offset + 4, self.uint32(offset) * item_bytes)

    def unpacked_vector(self, offset: int, item_bytes: int) -> memoryview:
        """Return the items of a vector that is going to be unpacked into Python objects.

        Raises:
            CheckpointError: all of those together are larger than any model's.
        """
        items = self.vector(offset, item_bytes)
        self._unpacked_bytes += len(items)
        if self._unpacked_bytes > _MOST_UNPACKED_BYTES:
            raise CheckpointError(f"{self.source} lists more numbers than any speech model has")
        return items


@dataclass(frozen=True)
class Table:
    """One table; fields are addressed by their number in the schema."""

    buffer: FlatBuffer
    offset: int

    def _field(self, number: int) -> int | None:
        """Return where a field lies, or None where the table leaves it at its default."""
        vtable = self.offset - int(self.buffer.unpack("i", self.offset))
        vtable_bytes = int(self.buffer.unpack("H", vtable))
        position = 4 + 2 * number
        if position + 2 > vtable_bytes:
            return None
        relative = int(self.buffer.unpack("H", vtable + position))
        return self.offset + relative if relative else None

    def _target(self, number: int) -> int | None:
        field = self._field(number)
        return None if field is None else field + self.buffer.uint32(field)

    def number(self, number: int, format_: str, default: int = 0) -> int:
        """Return an integer field."""
        field = self._field(number)
        return default if field is None else int(self.buffer.unpack(format_, field))

    def bytes(self, number: int) -> memoryview:
        """Return a vector of bytes, or the bytes of a string; empty where there is none."""
        target = self._target(number)
        return memoryview(b"") if target is None else self.buffer.vector(target, 1)

    def text(self, number: int) -> str:
        """Return a string."""
        target = self._target(number)
        if target is None:
            return ""
        return bytes(self.buffer.unpacked_vector(target, 1)).decode("utf-8", "replace")

    def numbers(self, number: int, format_: str) -> tuple[int | float, ...]:
        """Return a vector of numbers, of a `struct` format character."""
        target = self._target(number)
        if target is None:
            return ()
        items = self.buffer.unpacked_vector(target, struct.calcsize(format_))
        return struct.unpack(f"<{len(items) // struct.calcsize(format_)}{format_}", items)

    def integers(self, number: int, format_: str = "i") -> tuple[int, ...]:
        """Return a vector of integers."""
        return tuple(map(int, self.numbers(number, format_)))

    def table(self, number: int) -> Table | None:
        """Return the table a field points to."""
        target = self._target(number)
        return None if target is None else Table(self.buffer, target)

    def tables(self, number: int) -> list[Table]:
        """Return a vector of tables."""
        target = self._target(number)
        if target is None:
            return []
        count = len(self.buffer.vector(target, 4)) // 4
        if count > _MOST_TABLES:
            raise CheckpointError(f"{self.buffer.source} has {count} tables; no model has so many")
        positions = range(target + 4, target + 4 + 4 * count, 4)
        return [Table(self.buffer, at + self.buffer.uint32(at)) for at in positions]
