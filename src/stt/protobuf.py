"""Reads the Protocol Buffers wire format, as far as models need it.

https://protobuf.dev/programming-guides/encoding/. A message is a sequence of fields; each has a tag
(field number and wire type) and a value. Every length is checked against the size of the message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

Bytes = TypeVar("Bytes", bytes, memoryview)

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT_BYTES = 10


def read_varint(
    buffer: bytes | memoryview, offset: int, source: str, error: type[Exception]
) -> tuple[int, int]:
    """Return an unsigned 64-bit varint and the offset after it.

    Args:
        buffer: bytes that contain the varint.
        offset: offset of its first byte.
        source: name of the buffer for the error.
        error: type of the error to raise.

    Raises:
        error: the buffer ends inside the varint, or it has more than 64 bits.
    """
    value = 0
    for position in range(_LONGEST_VARINT_BYTES):
        if offset + position >= len(buffer):
            raise error(f"{source} is cut off inside a number at byte {offset}")
        byte = buffer[offset + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            if value >> 64:
                break
            return value, offset + position + 1
    raise error(f"{source} has a number of more than 64 bits at byte {offset}")


def signed(value: int) -> int:
    """Return an unsigned 64-bit varint as the signed number of an `int32` or `int64` field."""
    return value - (1 << 64) if value >> 63 else value


def read_fields(
    message: Bytes, source: str, error: type[Exception]
) -> Iterator[tuple[int, int, int | Bytes]]:
    """Yield the field number, wire type and value of every field, in the order of the message.

    Values are integers, or bytes for wire type 2 (strings, bytes, messages).

    Args:
        message: bytes of a message; values are views of it if it is a `memoryview`.
        source: name of the message for the error.
        error: type of the error to raise.

    Raises:
        error: a field exceeds the message, has the number 0, or has an unknown wire type or one of
            groups, which are not supported.
    """
    offset = 0
    while offset < len(message):
        tag, offset = read_varint(message, offset, source, error)
        number, wire_type = tag >> 3, tag & 7
        value: int | Bytes
        if number == 0:
            raise error(f"{source} has a field number 0 at byte {offset}")
        if wire_type == VARINT:
            value, offset = read_varint(message, offset, source, error)
            yield number, wire_type, value
            continue
        if wire_type == BYTES:
            size, offset = read_varint(message, offset, source, error)
        elif wire_type in (FIXED32, FIXED64):
            size = 4 if wire_type == FIXED32 else 8
        else:
            raise error(f"{source} has a field of unknown type {wire_type}")
        if size > len(message) - offset:
            raise error(
                f"{source} is cut off: a field of {size} bytes at byte {offset} of {len(message)}"
            )
        value = message[offset : offset + size]
        offset += size
        yield number, wire_type, value if wire_type == BYTES else int.from_bytes(value, "little")
