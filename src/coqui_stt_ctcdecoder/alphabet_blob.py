"""The binary form of an alphabet in exported models.

Layout, little-endian: uint16 count; for each label uint16 index, uint16 length in bytes, bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from .errors import AlphabetError

_UINT16_MAX = 0xFFFF


def pack_labels(labels: Sequence[bytes]) -> bytes:
    """Return the binary form of labels.

    Raises:
        AlphabetError: more than 65,535 labels, or a label longer than 65,535 bytes.
    """
    if len(labels) > _UINT16_MAX or any(len(label) > _UINT16_MAX for label in labels):
        raise AlphabetError(
            "an alphabet can be stored with at most 65535 labels of 65535 bytes each"
        )
    packed = [struct.pack("<HH", index, len(label)) + label for index, label in enumerate(labels)]
    return struct.pack("<H", len(labels)) + b"".join(packed)


def unpack_labels(buffer: bytes) -> list[bytes]:
    """Return the labels of a binary form.

    Raises:
        AlphabetError: the buffer is truncated, has trailing bytes, or indices out of order.
    """

    def take(offset: int, size: int) -> bytes:
        if offset + size > len(buffer):
            raise AlphabetError(
                f"the alphabet blob of {len(buffer)} bytes ends inside the field at byte {offset}"
            )
        return buffer[offset : offset + size]

    (count,) = struct.unpack("<H", take(0, 2))
    offset = 2
    labels = []
    for expected in range(count):
        index, length = struct.unpack("<HH", take(offset, 4))
        if index != expected:
            raise AlphabetError(f"the alphabet blob lists label {index} where {expected} belongs")
        labels.append(take(offset + 4, length))
        offset += 4 + length
    if offset != len(buffer):
        raise AlphabetError(f"the alphabet blob has {len(buffer) - offset} bytes after its labels")
    return labels
