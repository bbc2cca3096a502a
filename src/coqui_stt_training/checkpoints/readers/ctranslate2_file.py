"""The `model.bin` of CTranslate2, a sequence of named variables.

    uint32   version of the format
    text     name of the model's specification, such as WhisperSpec
    uint32   revision of that specification
    uint32   number of variables; then for each
        text    name
        uint8   number of dimensions, and a uint32 for each
        uint8   type of its values
        uint32  size of its values in bytes, and the values
    uint32   number of aliases; then for each its name and the name of a variable

A text is its length as uint16, its characters, and a NUL, which the length includes. A quantised
weight has a variable `<name>_scale`: the factor by which it was multiplied before rounding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from .byte_cursor import ByteCursor

FILE_NAME = "model.bin"
_VERSIONS = range(4, 7)
_HEAD = re.compile(rb"[\x01-\x1f]\0\0\0(.)\0([A-Z][A-Za-z0-9]{2,60}Spec)\0", re.DOTALL)
_MOST_DIMENSIONS = 8
_SCALE = "_scale"
# By type number: name, and NumPy's type of the stored values.
_TYPES: tuple[tuple[str, np.dtype[Any]], ...] = (
    ("float32", np.dtype("<f4")),
    ("int8", np.dtype("i1")),
    ("int16", np.dtype("<i2")),
    ("int32", np.dtype("<i4")),
    ("float16", np.dtype("<f2")),
    ("bfloat16", np.dtype("<u2")),
)
_QUANTISED = ("int8", "int16")


@dataclass(frozen=True)
class Variable:
    """A variable as it is stored.

    Attributes:
        shape: its shape, empty for a single number.
        type: CTranslate2's name of its type.
        content: bytes of its values.
    """

    shape: tuple[int, ...]
    type: str
    content: memoryview


def is_ctranslate2(head: bytes) -> bool:
    """Say whether the first bytes of a file are those of a `model.bin` of CTranslate2."""
    found = _HEAD.match(head)
    return found is not None and found[1][0] == len(found[2]) + 1


class CTranslate2File:
    """The variables of a `model.bin`; their values are read when they are asked for.

    Args:
        path: the file.

    Attributes:
        specification: name of the model's specification.
        variables: variables by name, including aliases.

    Raises:
        CheckpointError: the file is missing, cut off, damaged, or of an unknown version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        cursor = ByteCursor(path)
        version = cursor.number("I", "its version")
        if version not in _VERSIONS:
            raise CheckpointError(
                f"{path}: is of version {version} of CTranslate2's format; {_VERSIONS.start} to "
                f"{_VERSIONS.stop - 1} can be read. Convert the model again"
            )
        self.specification = _text(cursor, "the name of its kind")
        cursor.number("I", "its revision")
        self.variables = dict(
            _variable(cursor) for _ in range(cursor.number("I", "the number of variables"))
        )
        for _ in range(cursor.number("I", "the number of aliases")):
            alias, name = _text(cursor, "an alias"), _text(cursor, "an alias")
            if name in self.variables:
                self.variables[alias] = self.variables[name]
        if not cursor.at_end:
            raise CheckpointError(
                f"{path}: goes on after its last variable, at byte {cursor.position:,} of "
                f"{cursor.size:,}; it is damaged, copy or download it again"
            )

    def number(self, name: str) -> int | None:
        """Return the value of a variable that is a single integer, or None if there is none."""
        variable = self.variables.get(name)
        if variable is None or variable.shape or not variable.type.startswith("int"):
            return None
        return int(_stored(variable)[()])

    def tensors(self, names: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """Return variables as float32, quantised ones dequantised; aliases share an array.

        Raises:
            CheckpointError: some variables cannot be converted to float32; the message names them.
        """
        tensors: dict[str, NDArray[np.float32]] = {}
        problems: list[str] = []
        read: dict[int, NDArray[np.float32]] = {}
        for name in names:
            place = id(self.variables[name])
            try:
                tensors[name] = read[place] = read[place] if place in read else self._tensor(name)
            except ValueError as error:
                problems.append(f"{name} {error}")
        if problems:
            raise CheckpointError(
                f"{self.path}: {'; '.join(problems[:6])}; copy or convert the model again"
            )
        return tensors

    def _tensor(self, name: str) -> NDArray[np.float32]:
        variable = self.variables[name]
        stored = _stored(variable)
        if variable.type == "bfloat16":
            return (stored.astype(np.uint32) << 16).view(np.float32)
        if variable.type not in _QUANTISED:
            return np.array(stored, np.float32)
        scale = self.variables.get(name + _SCALE)
        if scale is None or scale.type != "float32":
            raise ValueError(f"is {variable.type}, and no float32 {name}{_SCALE} is there")
        if scale.shape not in ((), variable.shape[:1]):
            raise ValueError(f"is {list(variable.shape)}, its scale {list(scale.shape)}")
        factors = _stored(scale).reshape(-1, *(1,) * (len(variable.shape) - 1))
        with np.errstate(divide="ignore", invalid="ignore"):  # NaN is refused later
            return np.asarray(stored / factors, np.float32).reshape(variable.shape)


def _variable(cursor: ByteCursor) -> tuple[str, Variable]:
    name = _text(cursor, "the name of a variable")
    rank = cursor.number("B", name)
    if rank > _MOST_DIMENSIONS:
        raise CheckpointError(
            f"{cursor.path}: {name} has {rank} dimensions; the file is damaged, copy or download "
            "it again"
        )
    shape = cursor.numbers(f"{rank}I", name)
    kind, size = cursor.numbers("BI", name)
    if kind >= len(_TYPES):
        raise CheckpointError(
            f"{cursor.path}: {name} is of an unknown type, number {kind}; "
            f"{', '.join(known for known, _ in _TYPES)} can be read. Convert the model to one of "
            "these"
        )
    type_name, stored = _TYPES[kind]
    if prod(shape) * stored.itemsize != size:
        raise cursor.damaged(f"{name} is {list(shape)} of {type_name}, but has {size:,} bytes")
    return name, Variable(shape, type_name, cursor.take(size, name))


def _stored(variable: Variable) -> NDArray[Any]:
    stored = dict(_TYPES)[variable.type]
    return np.frombuffer(variable.content, stored).reshape(variable.shape)


def _text(cursor: ByteCursor, what: str) -> str:
    return cursor.text(cursor.number("H", what), what)
