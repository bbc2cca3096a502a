"""FlatBuffers, as little of the format as reading a TFLite model takes.

https://flatbuffers.dev/internals/. A table starts with the distance back to its vtable, which lists
where in the table each field lies; strings, vectors and tables are reached by relative offsets.
Anyone may have made the file: every offset and length is checked against it before it is used.
"""

from __future__ import annotations

import struct
from typing import Any

# The largest of a model's tables is some 100 values for each of n_steps; a file that points at one
# table a million times must not take a million times its size to read.
_MOST_VALUES = 2_000_000
_VALUES_OF_A_TABLE = 16  # about as much memory


class FlatBuffer:
    """The bytes of a file, and how much more to unpack of it.

    Args:
        content: all of it.
        source: what it is, for errors.
        error: what to raise where it is damaged.
    """

    def __init__(self, content: bytes | memoryview, source: str, error: type[Exception]) -> None:
        self.content = memoryview(content)
        self._source = source
        self._error = error
        self._values_left = _MOST_VALUES

    def root(self) -> Table:
        """Return the table that the file is."""
        return Table(self, self.unpack("I", 0))

    def unpack(self, code: str, position: int) -> Any:
        """Return one little-endian number, of a `struct` format character."""
        try:
            if position < 0:
                raise struct.error
            return struct.unpack_from("<" + code, self.content, position)[0]
        except struct.error:
            raise self._damaged(position) from None

    def vector(self, position: int, item_bytes: int) -> tuple[int, int]:
        """Return a vector's first byte and its length; all of it lies in the file."""
        count = self.unpack("I", position)
        if position + 4 + count * item_bytes > len(self.content):
            raise self._damaged(position + 4 + count * item_bytes)
        return position + 4, count

    def count_values(self, count: int) -> None:
        """Note that so many values are going to be made into Python objects."""
        self._values_left -= count
        if self._values_left < 0:
            raise self._error(
                f"{self._source} lists more than {_MOST_VALUES} values outside its weights; no "
                "acoustic model does"
            )

    def _damaged(self, position: int) -> Exception:
        return self._error(
            f"{self._source} is cut off or damaged: it points to byte {position} of "
            f"{len(self.content)}; fetch it again"
        )


class Table:
    """A table of the buffer; fields are numbered as in the schema."""

    def __init__(self, buffer: FlatBuffer, position: int) -> None:
        self._buffer = buffer
        self._position = position
        self._vtable = position - buffer.unpack("i", position)
        self._vtable_bytes = buffer.unpack("H", self._vtable)

    def _field(self, slot: int) -> int | None:
        """Return where a field lies, or None where the table leaves it at its default."""
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_bytes:
            return None
        offset = self._buffer.unpack("H", self._vtable + entry)
        return self._position + offset if offset else None

    def _target(self, slot: int) -> int | None:
        field = self._field(slot)
        return None if field is None else field + self._buffer.unpack("I", field)

    def scalar(self, slot: int, code: str, default: Any = 0) -> Any:
        """Return a number, of a `struct` format character."""
        field = self._field(slot)
        return default if field is None else self._buffer.unpack(code, field)

    def numbers(self, slot: int, code: str) -> tuple[Any, ...]:
        """Return a vector of numbers, of a `struct` format character."""
        target = self._target(slot)
        if target is None:
            return ()
        start, count = self._buffer.vector(target, struct.calcsize("<" + code))
        self._buffer.count_values(count)
        return struct.unpack_from(f"<{count}{code}", self._buffer.content, start)

    def int32s(self, slot: int) -> tuple[int, ...]:
        """Return a vector of integers of four bytes."""
        return self.numbers(slot, "i")

    def data(self, slot: int) -> memoryview:
        """Return a vector of bytes, or the bytes of a string; empty where there is none."""
        target = self._target(slot)
        if target is None:
            return memoryview(b"")
        start, count = self._buffer.vector(target, 1)
        return self._buffer.content[start : start + count]

    def text(self, slot: int) -> str:
        """Return a string."""
        data = self.data(slot)
        self._buffer.count_values(len(data) // 16)
        return bytes(data).decode("utf-8", errors="replace")

    def table(self, slot: int) -> Table | None:
        """Return the table a field points to."""
        target = self._target(slot)
        return None if target is None else Table(self._buffer, target)

    def tables(self, slot: int) -> list[Table]:
        """Return a vector of tables."""
        target = self._target(slot)
        if target is None:
            return []
        start, count = self._buffer.vector(target, 4)
        self._buffer.count_values(_VALUES_OF_A_TABLE * count)
        places = range(start, start + 4 * count, 4)
        return [Table(self._buffer, place + self._buffer.unpack("I", place)) for place in places]
