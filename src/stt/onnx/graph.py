"""Reads untrusted `.onnx` files as Python objects, without the `onnx` package.

It reads the part of the format that our exports use
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): one graph, weights inside the file,
attributes that are numbers, lists of integers, or text. Any other field is an error, since a
runtime would act on it: subgraphs, functions, weights in other files, custom operators.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from coqui_stt_ctcdecoder.errors import UserError

from ..protobuf import BYTES, FIXED32, VARINT, read_fields, read_varint, signed

Shape = tuple[int, ...]
Attribute = int | float | str | tuple[int, ...]
_T = TypeVar("_T")

# Our models have some hundred nodes and weights, each with a few fields.
_MOST_FIELDS = 100_000
_MOST_DIMENSIONS = 8


class OnnxError(UserError):
    """An `.onnx` file is broken, or not a supported acoustic model."""


@dataclass(frozen=True)
class Constant:
    """A tensor stored in the file.

    Attributes:
        name: name of the tensor, unique in the graph.
        type: type of the elements, a key of `ELEMENT_BYTES`.
        shape: shape of the tensor, which matches the number of elements.
        data: bytes of the elements; empty if they are stored as variable-length integers.
    """

    name: str
    type: int
    shape: Shape
    data: memoryview

    def integers(self) -> tuple[int, ...]:
        """Return the elements of a small int64 constant.

        Raises:
            OnnxError: the constant is not int64, or too large.
        """
        if self.type != INT64 or len(self.data) > 8 * _MOST_DIMENSIONS:
            raise OnnxError(f"{self.name!r} should hold a few whole numbers")
        return struct.unpack(f"<{len(self.data) // 8}q", self.data)


@dataclass(frozen=True)
class Node:
    """A node of the graph. Inputs and outputs are names; "" is an absent optional input."""

    operator: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class OnnxGraph:
    """The graph of a file. Nodes are in the order in which they run.

    In the shapes of inputs and outputs, 0 is a size that depends on the audio.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Constant]
    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    opsets: Mapping[str, int]


FLOAT, INT64, FLOAT16, DOUBLE = 1, 7, 10, 11
# float32, uint8, int8, int32, int64, float16, float64
ELEMENT_BYTES = {FLOAT: 4, 2: 1, 3: 1, 6: 4, INT64: 8, FLOAT16: 2, DOUBLE: 8}
_FLOAT_DATA, _INT32_DATA, _INT64_DATA, _RAW_DATA = 4, 5, 7, 9


def read_onnx_metadata(content: bytes | memoryview) -> dict[str, str]:
    """Return the metadata of an `.onnx` file; its graph is not read.

    Raises:
        OnnxError: the file is not an `.onnx` file, truncated, or unlike our exports.
    """
    return _Reader().metadata(memoryview(content))


def read_onnx(content: bytes | memoryview) -> OnnxGraph:
    """Return the graph of an `.onnx` file. Constants are views of `content`, not copies.

    Raises:
        OnnxError: the file is not an `.onnx` file, truncated, or unlike our exports.
    """
    return _Reader().model(memoryview(content))


class _Message:
    """The fields of a message by number; all numbers and wire types have been checked."""

    def __init__(self, values: Mapping[int, list[int | memoryview]], what: str) -> None:
        self._values = values
        self._what = what

    def many(self, number: int) -> list[int | memoryview]:
        return self._values.get(number, [])

    def messages(self, number: int) -> list[memoryview]:
        return [value for value in self.many(number) if isinstance(value, memoryview)]

    def has(self, number: int) -> bool:
        return number in self._values

    def bytes(self, number: int) -> memoryview:
        value = self._one(number, memoryview(b""))
        return value if isinstance(value, memoryview) else memoryview(b"")

    def integer(self, number: int) -> int:
        value = self._one(number, 0)
        return signed(value) if isinstance(value, int) else 0

    def text(self, number: int) -> str:
        return _text(self.bytes(number), self._what)

    def texts(self, number: int) -> tuple[str, ...]:
        return tuple(_text(value, self._what) for value in self.messages(number))

    def _one(self, number: int, default: int | memoryview) -> int | memoryview:
        values = self.many(number)
        if len(values) > 1:
            raise OnnxError(f"{self._what} has its field {number} {len(values)} times")
        return values[0] if values else default


def _text(value: memoryview, what: str) -> str:
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise OnnxError(f"{what} has a text that is not UTF-8; the file is damaged") from None


_V, _B, _F = VARINT, BYTES, FIXED32
# For each message: the numbers of the fields in our exports, and their wire types.
_MODEL = {1: (_V,), 2: (_B,), 3: (_B,), 4: (_B,), 5: (_V,), 6: (_B,), 7: (_B,), 8: (_B,), 14: (_B,)}
_OPSET = {1: (_B,), 2: (_V,)}
_ENTRY = {1: (_B,), 2: (_B,)}
_GRAPH = {1: (_B,), 2: (_B,), 5: (_B,), 10: (_B,), 11: (_B,), 12: (_B,), 13: (_B,)}
_NODE = {1: (_B,), 2: (_B,), 3: (_B,), 4: (_B,), 5: (_B,), 6: (_B,), 7: (_B,)}
_ATTRIBUTE = {1: (_B,), 2: (_F,), 3: (_V,), 4: (_B,), 8: (_V, _B), 13: (_B,), 20: (_V,)}
_VALUE, _TYPE, _TENSOR_TYPE = {1: (_B,), 2: (_B,), 3: (_B,)}, {1: (_B,)}, {1: (_V,), 2: (_B,)}
_SHAPE, _DIMENSION = {1: (_B,)}, {1: (_V,), 2: (_B,)}
_TENSOR = {
    **{1: (_V, _B), 2: (_V,), 8: (_B,), 12: (_B,), 14: (_V,), _RAW_DATA: (_B,)},
    **{_FLOAT_DATA: (_B,), _INT32_DATA: (_B,), _INT64_DATA: (_B,)},
}


class _Reader:
    """Reads messages; limits the number of fields in one file."""

    def __init__(self) -> None:
        self._fields_left = _MOST_FIELDS

    def metadata(self, content: memoryview) -> dict[str, str]:
        model = self._message(content, _MODEL, "the .onnx file")
        entries = [self._message(entry, _ENTRY, "the metadata") for entry in model.messages(14)]
        return _unique([(entry.text(1), entry.text(2)) for entry in entries])

    def model(self, content: memoryview) -> OnnxGraph:
        model = self._message(content, _MODEL, "the .onnx file")
        if not model.has(7):
            raise OnnxError("the .onnx file has no graph; it is cut off, or no such file")
        graph = self._message(model.bytes(7), _GRAPH, "the graph")
        constants = [self._constant(tensor) for tensor in graph.messages(5)]
        opsets = [self._message(entry, _OPSET, "an operator set") for entry in model.messages(8)]
        for value in graph.messages(13):
            self._value(value)
        return OnnxGraph(
            nodes=tuple(self._node(node) for node in graph.messages(1)),
            constants=_unique([(constant.name, constant) for constant in constants]),
            inputs=_unique([self._value(value) for value in graph.messages(11)]),
            outputs=_unique([self._value(value) for value in graph.messages(12)]),
            opsets=_unique([(opset.text(1), opset.integer(2)) for opset in opsets]),
        )

    def _message(
        self, content: memoryview, known: Mapping[int, tuple[int, ...]], what: str
    ) -> _Message:
        values: dict[int, list[int | memoryview]] = {}
        for number, wire_type, value in read_fields(content, what, OnnxError):
            self._fields_left -= 1
            if self._fields_left < 0:
                raise OnnxError(f"the file has more than {_MOST_FIELDS} fields; no export of ours")
            if wire_type not in known.get(number, ()):
                raise OnnxError(
                    f"{what} has a field {number} of wire type {wire_type}, which no export of "
                    "ours has; export the model anew"
                )
            values.setdefault(number, []).append(value)
        return _Message(values, what)

    def _node(self, content: memoryview) -> Node:
        node = self._message(content, _NODE, "a node")
        attributes = [self._attribute(attribute) for attribute in node.messages(5)]
        return Node(node.text(4), node.text(7), node.texts(1), node.texts(2), _unique(attributes))

    def _attribute(self, content: memoryview) -> tuple[str, Attribute]:
        attribute = self._message(content, _ATTRIBUTE, "an attribute")
        name = attribute.text(1)
        if sum(map(attribute.has, (2, 3, 4, 8))) != 1:
            raise OnnxError(f"the attribute {name!r} is not one number, text or list")
        if attribute.has(3):
            return name, attribute.integer(3)
        if attribute.has(4):
            return name, attribute.text(4)
        if attribute.has(8):
            return name, tuple(self._integers(attribute, 8, f"the attribute {name!r}"))
        (value,) = struct.unpack("<f", struct.pack("<I", attribute.integer(2)))
        return name, float(value)

    def _value(self, content: memoryview) -> tuple[str, Shape]:
        value = self._message(content, _VALUE, "a value")
        kind = self._message(value.bytes(2), _TYPE, "a value's type")
        tensor = self._message(kind.bytes(1), _TENSOR_TYPE, "a value's type")
        shape = self._message(tensor.bytes(2), _SHAPE, "a value's shape")
        if tensor.integer(1) not in ELEMENT_BYTES:
            raise OnnxError(f"{value.text(1)!r} has the element type {tensor.integer(1)}")
        dimensions = [
            self._message(dimension, _DIMENSION, "a dimension") for dimension in shape.messages(1)
        ]
        # A size with a name instead of a value depends on the audio.
        named = [dimension.has(2) for dimension in dimensions]
        sizes = [1 if has else dim.integer(1) for has, dim in zip(named, dimensions, strict=True)]
        checked = _checked_shape(value.text(1), sizes)
        return value.text(1), tuple(
            0 if has else size for has, size in zip(named, checked, strict=True)
        )

    def _constant(self, content: memoryview) -> Constant:
        tensor = self._message(content, _TENSOR, "a weight")
        name, kind = tensor.text(8), tensor.integer(2)
        if kind not in ELEMENT_BYTES or tensor.integer(14):
            raise OnnxError(f"the weight {name!r} is of a type, or in a place, that is not read")
        shape = _checked_shape(name, self._integers(tensor, 1, f"the shape of {name!r}"))
        stored = [field for field in (4, 5, 7, 9) if tensor.has(field)]
        data = tensor.bytes(stored[0]) if stored else memoryview(b"")
        count = math.prod(shape)
        if len(stored) > 1 or _count(stored, kind, data) != count:
            raise OnnxError(
                f"the weight {name!r} of shape {list(shape)} is not of {count} elements"
            )
        in_memory = stored != [_INT32_DATA] and stored != [_INT64_DATA]
        return Constant(name, kind, shape, data if in_memory else memoryview(b""))

    def _integers(self, message: _Message, field: int, what: str) -> list[int]:
        """Return the integers of a field, packed or not, at most one more than is allowed."""
        found: list[int] = []
        for value in message.many(field):
            if isinstance(value, int):
                found.append(signed(value))
                continue
            offset = 0
            while offset < len(value) and len(found) <= _MOST_DIMENSIONS:
                number, offset = read_varint(value, offset, what, OnnxError)
                found.append(signed(number))
        return found[: _MOST_DIMENSIONS + 1]


def _count(stored: list[int], kind: int, data: memoryview) -> int:
    """Return the number of stored elements; -1 if the field is not valid for their type."""
    if stored == [_RAW_DATA]:
        whole, rest = divmod(len(data), ELEMENT_BYTES[kind])
        return -1 if rest else whole
    if stored == [_FLOAT_DATA]:
        return len(data) // 4 if kind == FLOAT and len(data) % 4 == 0 else -1
    if stored == [_INT32_DATA] and kind not in (FLOAT, INT64, DOUBLE):
        return sum(byte < 0x80 for byte in data)  # a varint ends with its only byte below 128
    if stored == [_INT64_DATA] and kind == INT64 and len(data) <= 8 * _MOST_DIMENSIONS:
        return sum(byte < 0x80 for byte in data)
    return -1 if stored else 0


def _checked_shape(name: str, sizes: list[int]) -> Shape:
    if len(sizes) > _MOST_DIMENSIONS or any(not 0 < size < 1 << 31 for size in sizes):
        raise OnnxError(f"{name!r} has the shape {sizes[: _MOST_DIMENSIONS + 1]}, which is none")
    return tuple(sizes)


def _unique(pairs: list[tuple[str, _T]]) -> dict[str, _T]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise OnnxError("the file gives one name twice; it is damaged")
    return found
