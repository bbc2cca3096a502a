"""Reads FlatBuffers, as far as TFLite models need it.

https://flatbuffers.dev/internals/. A table starts with the distance back to its vtable, which lists
the offset of each field in the table. Relative offsets point to strings, vectors and tables. Files
are not trusted: every offset and length is checked before it is used.
"""

from __future__ import annotations

import struct
from typing import Any

# The largest table of a model has some 100 values for each of n_steps. The limit stops files that
# refer to the same table a million times, and would take a million times its size to read.
_MOST_VALUES = 2_000_000
_VALUES_OF_A_TABLE = 16  # a table takes about as much memory as 16 values


class FlatBuffer:
    """The bytes of a file, and a limit on the number of values unpacked from it.

    Args:
        content: contents of the file.
        source: name of the file for errors.
        error: type of the error to raise if the file is damaged.
    """

    def __init__(self, content: bytes | memoryview, source: str, error: type[Exception]) -> None:
        self.content = memoryview(content)
        self._source = source
        self._error = error
        self._values_left = _MOST_VALUES

    def root(self) -> Table:
        """Return the root table."""
        return Table(self, self.unpack("I", 0))

    def unpack(self, code: str, position: int) -> Any:
        """Return one little-endian number.

        Args:
            code: format character of `struct`.
            position: offset of the number in the file.
        """
        try:
            if position < 0:
                raise struct.error
            return struct.unpack_from("<" + code, self.content, position)[0]
        except struct.error:
            raise self._damaged(position) from None

    def vector(self, position: int, item_bytes: int) -> tuple[int, int]:
        """Return the offset of a vector's first item and the number of items, both checked."""
        count = self.unpack("I", position)
        if position + 4 + count * item_bytes > len(self.content):
            raise self._damaged(position + 4 + count * item_bytes)
        return position + 4, count

    def count_values(self, count: int) -> None:
        """Count values that become Python objects; raise if there are too many."""
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
        """Return the offset of a field, or None if the table omits it, which means its default."""
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_bytes:
            return None
        offset = self._buffer.unpack("H", self._vtable + entry)
        return self._position + offset if offset else None

    def _target(self, slot: int) -> int | None:
        field = self._field(slot)
        return None if field is None else field + self._buffer.unpack("I", field)

    def scalar(self, slot: int, code: str, default: Any = 0) -> Any:
        """Return a number; `code` is a format character of `struct`."""
        field = self._field(slot)
        return default if field is None else self._buffer.unpack(code, field)

    def numbers(self, slot: int, code: str) -> tuple[Any, ...]:
        """Return a vector of numbers; `code` is a format character of `struct`."""
        target = self._target(slot)
        if target is None:
            return ()
        start, count = self._buffer.vector(target, struct.calcsize("<" + code))
        self._buffer.count_values(count)
        return struct.unpack_from(f"<{count}{code}", self._buffer.content, start)

    def int32s(self, slot: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        return self.numbers(slot, "i")

    def data(self, slot: int) -> memoryview:
        """Return a vector of bytes, or the bytes of a string; empty if the field is absent."""
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
        """Return the table that a field points to, or None if the field is absent."""
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
