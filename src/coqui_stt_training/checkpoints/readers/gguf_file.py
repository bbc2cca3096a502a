"""GGUF, the format of ggml's programs: settings and tensors.

    4 bytes  "GGUF"
    uint32   version
    uint64   number of tensors, number of settings
    for each setting    text name, uint32 type, value
    for each tensor     text name, uint32 number of dimensions, uint64 for each, the innermost
                        first, uint32 type of its values, uint64 offset of its values
    values

Offsets count from the first byte of the values, which is a multiple of `general.alignment`. A text
is its length as uint64, and its bytes. An array is the type of its values, their number, and the
values. See https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from .byte_cursor import ByteCursor
from .ggml_blocks import StoredTensor
from .ggml_file import stored_tensor

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_BOOLEAN, _TEXT, _ARRAY = 7, 8, 9
# By type number.
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOLEAN: "?", 10: "Q",
            11: "q", 12: "d"}  # fmt: skip
_ALIGNMENT = "general.alignment"
_DEFAULT_ALIGNMENT, _LARGEST_ALIGNMENT = 32, 1 << 16
_MOST_DIMENSIONS = 4
_LONGEST_NAME = 1 << 10


def read_gguf(path: Path) -> tuple[Mapping[str, Any], dict[str, StoredTensor]]:
    """Return the settings of a file and its stored tensors; settings that are arrays are None.

    Raises:
        CheckpointError: the file is cut off or damaged, or has an unknown version or type.
    """
    cursor = ByteCursor(path)
    cursor.take(len(MAGIC), "its first word")
    version = cursor.number("I", "its version")
    if version not in _VERSIONS:
        raise CheckpointError(
            f"{path}: is of version {version} of GGUF, or of a machine that writes numbers the "
            f"other way around; {' and '.join(map(str, _VERSIONS))} can be read. Convert the model "
            "again"
        )
    tensor_count, setting_count = cursor.numbers("2Q", "how much there is")
    settings: dict[str, Any] = {}
    for _ in range(setting_count):
        name = _text(cursor, "the name of a setting")
        settings[name] = _value(cursor, name)
    heads = [_tensor_head(cursor) for _ in range(tensor_count)]
    alignment = settings.get(_ALIGNMENT, _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or not 0 < alignment <= _LARGEST_ALIGNMENT:
        raise cursor.damaged(f"{_ALIGNMENT} is {alignment!r}")
    start = -(-cursor.position // alignment) * alignment
    tensors: dict[str, StoredTensor] = {}
    end = start
    # Tensors must not overlap: together they could be larger than any memory.
    for name, shape, kind, offset in sorted(heads, key=lambda head: head[3]):
        if name in tensors or start + offset < end:
            raise cursor.damaged(f"{name} is there twice, or lies over another tensor")
        cursor.move_to(start + offset, name)
        tensors[name] = stored_tensor(cursor, name, shape, kind)
        end = cursor.position
    return settings, tensors


def _tensor_head(cursor: ByteCursor) -> tuple[str, tuple[int, ...], int, int]:
    """Return the name, shape, type and offset of a tensor."""
    name = _text(cursor, "the name of a tensor")
    rank = cursor.number("I", "the head of a tensor")
    if rank > _MOST_DIMENSIONS:
        raise cursor.damaged(f"{name} has {rank} dimensions")
    shape = cursor.numbers(f"{rank}Q", "the dimensions of a tensor")[::-1]
    kind, offset = cursor.numbers("IQ", "the head of a tensor")
    return name, shape, kind, offset


def _value(cursor: ByteCursor, name: str) -> Any:
    """Return the value of a setting; an array is skipped, and None is returned."""
    kind = cursor.number("I", name)
    if kind != _ARRAY:
        return _single(cursor, name, kind)
    kind, count = cursor.numbers("IQ", name)
    if kind == _TEXT:
        for _ in range(count):
            cursor.take(cursor.number("Q", name), name)
    elif kind in _NUMBERS:
        cursor.take(count * struct.calcsize(_NUMBERS[kind]), name)
    else:
        raise cursor.damaged(f"{name} is an array of type {kind}")
    return None


def _single(cursor: ByteCursor, name: str, kind: int) -> Any:
    if kind == _TEXT:
        return bytes(cursor.take(cursor.number("Q", name), name)).decode("utf-8", "replace")
    if kind not in _NUMBERS:
        raise cursor.damaged(f"{name} is of type {kind}")
    return cursor.number(_NUMBERS[kind], name)


def _text(cursor: ByteCursor, what: str) -> str:
    length = cursor.number("Q", what)
    if length > _LONGEST_NAME:
        raise cursor.damaged(f"{what} has {length:,} bytes")
    return cursor.text(length, what)
