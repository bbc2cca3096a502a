"""Reads `.tflite` files, which anyone may have made: every offset is checked before it is used."""

from __future__ import annotations

import struct
from typing import Any

from .tflite_graph import (
    CUSTOM,
    NUMPY_TYPES,
    OPERATORS,
    Graph,
    Operator,
    OperatorKind,
    Tensor,
    TensorType,
    TFLiteError,
)

# The largest of the tables is some 100 values for each of n_steps; a file that points at one table
# a million times must not take a million times its size to read.
_MAX_VALUES = 2_000_000
_OPERATOR_NAMES = {kind.number: name for name, kind in OPERATORS.items()}


def read_graph(content: bytes | memoryview) -> Graph:
    """Return the graph of a `.tflite` file.

    Constants are views of `content`, not copies.

    Args:
        content: the whole file.

    Raises:
        TFLiteError: not such a file, truncated, inconsistent, or with operators, types or
            quantisation that no acoustic model has.
    """
    file = _File(memoryview(content))
    model = file.root()
    subgraphs = model.tables(2)
    if len(subgraphs) != 1:
        raise TFLiteError(f"the file holds {len(subgraphs)} graphs; a model has one")
    buffers = [_constant(buffer) for buffer in model.tables(4)]
    if sum(len(data) for data in buffers if data is not None) > len(content):
        raise TFLiteError("the file's constants overlap, so they add up to more than the file")
    tensors = tuple(_tensor(table, buffers) for table in subgraphs[0].tables(0))
    codes = [_operator_code(table) for table in model.tables(1)]
    operators = tuple(_operator(table, codes, len(tensors)) for table in subgraphs[0].tables(3))
    inputs, outputs = subgraphs[0].int32s(1), subgraphs[0].int32s(2)
    _check_indices((*inputs, *outputs), len(tensors), lowest=0)
    _check_order(operators, inputs, tensors)
    return Graph(tensors, operators, inputs, outputs, model.text(3))


class _File:
    """The bytes of a flatbuffer (https://flatbuffers.dev/internals), and how much to read of it."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        self._values_left = _MAX_VALUES

    def root(self) -> _Table:
        if len(self.content) < 8 or bytes(self.content[4:8]) != b"TFL3":
            raise TFLiteError("not a .tflite file: the identifier TFL3 is missing at byte 4")
        return _Table(self, self.unpack("I", 0))

    def unpack(self, code: str, position: int) -> Any:
        try:
            if position < 0:
                raise struct.error
            return struct.unpack_from("<" + code, self.content, position)[0]
        except struct.error:
            raise TFLiteError(
                f"the .tflite file is damaged: it points at byte {position} of "
                f"{len(self.content)}; fetch it again"
            ) from None

    def vector(self, position: int, element_bytes: int) -> tuple[int, int]:
        """Return a vector's first byte and its length; all of it lies in the file."""
        count = self.unpack("I", position)
        if position + 4 + count * element_bytes > len(self.content):
            raise TFLiteError(
                f"the .tflite file is truncated: {count * element_bytes} bytes at byte "
                f"{position + 4} of {len(self.content)}; fetch it again"
            )
        return position + 4, count

    def count_values(self, count: int) -> None:
        self._values_left -= count
        if self._values_left < 0:
            raise TFLiteError(
                f"the .tflite file lists more than {_MAX_VALUES} values outside its weights; "
                "no acoustic model does"
            )


class _Table:
    """A table of the flatbuffer; fields are numbered as in the schema."""

    def __init__(self, file: _File, position: int) -> None:
        self._file = file
        self._position = position
        self._vtable = position - file.unpack("i", position)
        self._vtable_bytes = file.unpack("H", self._vtable)

    def _field(self, slot: int) -> int | None:
        entry = 4 + 2 * slot
        if entry + 2 > self._vtable_bytes:
            return None
        offset = self._file.unpack("H", self._vtable + entry)
        return self._position + offset if offset else None

    def _target(self, slot: int) -> int | None:
        field = self._field(slot)
        return None if field is None else field + self._file.unpack("I", field)

    def scalar(self, slot: int, code: str, default: Any = 0) -> Any:
        field = self._field(slot)
        return default if field is None else self._file.unpack(code, field)

    def table(self, slot: int) -> _Table | None:
        target = self._target(slot)
        return None if target is None else _Table(self._file, target)

    def tables(self, slot: int) -> list[_Table]:
        target = self._target(slot)
        if target is None:
            return []
        start, count = self._file.vector(target, 4)
        self._file.count_values(count)
        places = range(start, start + 4 * count, 4)
        return [_Table(self._file, place + self._file.unpack("I", place)) for place in places]

    def data(self, slot: int) -> memoryview:
        target = self._target(slot)
        if target is None:
            return memoryview(b"")
        start, count = self._file.vector(target, 1)
        return self._file.content[start : start + count]

    def numbers(self, slot: int, code: str) -> tuple[Any, ...]:
        target = self._target(slot)
        if target is None:
            return ()
        start, count = self._file.vector(target, struct.calcsize("<" + code))
        self._file.count_values(count)
        return struct.unpack_from(f"<{count}{code}", self._file.content, start)

    def int32s(self, slot: int) -> tuple[int, ...]:
        return self.numbers(slot, "i")

    def text(self, slot: int) -> str:
        data = self.data(slot)
        self._file.count_values(len(data) // 16)
        return bytes(data).decode("utf-8", errors="replace")


def _constant(buffer: _Table) -> memoryview | None:
    if buffer.scalar(1, "Q") or buffer.scalar(2, "Q"):
        raise TFLiteError("the file keeps weights outside of its tables; no acoustic model does")
    data = buffer.data(0)
    return data if len(data) else None


def _tensor(table: _Table, buffers: list[memoryview | None]) -> Tensor:
    name, number, shape = table.text(3), table.scalar(1, "b"), table.int32s(0)
    try:
        element = TensorType(number)
    except ValueError:
        raise TFLiteError(f"tensor {name!r} has the element type {number}, unknown here") from None
    if any(size < 0 for size in shape):
        raise TFLiteError(f"tensor {name!r} has the shape {list(shape)}, which is not static")
    if table.scalar(6, "I"):
        raise TFLiteError(f"tensor {name!r} is sparse; that is not supported")
    index = table.scalar(2, "I")
    if index >= max(len(buffers), 1):
        raise TFLiteError(f"tensor {name!r} is in buffer {index} of {len(buffers)}")
    data = buffers[index] if buffers else None
    scales, axis = _quantization(table.table(4), name)
    tensor = Tensor(name, element, shape, data, scales, axis)
    if data is not None and element in NUMPY_TYPES:
        expected = tensor.element_count * NUMPY_TYPES[element]().itemsize
        if len(data) != expected:
            raise TFLiteError(
                f"tensor {name!r} of shape {list(shape)} needs {expected} bytes but has {len(data)}"
            )
    if len(scales) > 1 and not (axis < len(shape) and len(scales) == shape[axis]):
        raise TFLiteError(f"tensor {name!r} of shape {list(shape)} has {len(scales)} scales")
    return tensor


def _quantization(table: _Table | None, name: str) -> tuple[tuple[float, ...], int]:
    if table is None:
        return (), 0
    scales, axis = table.numbers(2, "f"), table.scalar(6, "i")
    if any(table.numbers(3, "q")):
        raise TFLiteError(f"tensor {name!r} is quantised around a zero point other than 0")
    if not all(0 < scale < float("inf") for scale in scales) or axis < 0:
        raise TFLiteError(f"tensor {name!r} has a quantisation scale that is not positive")
    return scales, axis


def _operator_code(table: _Table) -> tuple[str, int]:
    """Return name and version. Numbers above 127 are in a newer field; the larger one counts."""
    number = max(table.scalar(0, "b"), table.scalar(3, "i"))
    version = table.scalar(2, "i", 1)
    if number == CUSTOM:
        return table.text(1), version
    if number not in _OPERATOR_NAMES:
        raise TFLiteError(f"the graph uses builtin operator {number}, which is unknown here")
    return _OPERATOR_NAMES[number], version


def _operator(table: _Table, codes: list[tuple[str, int]], tensor_count: int) -> Operator:
    index = table.scalar(0, "I")
    if index >= len(codes):
        raise TFLiteError(f"an operator has the code {index} of {len(codes)}")
    name, version = codes[index]
    inputs, outputs = table.int32s(1), table.int32s(2)
    _check_indices(inputs, tensor_count, lowest=-1)
    _check_indices(outputs, tensor_count, lowest=0)
    if name not in OPERATORS:
        return Operator(name, inputs, outputs, {}, version, bytes(table.data(5)[:4096]))
    options = _options(table, OPERATORS[name], name)
    return Operator(name, inputs, outputs, options, version)


def _options(table: _Table, kind: OperatorKind, name: str) -> dict[str, Any]:
    found = table.scalar(3, "B")
    options = table.table(4)
    if not found or options is None:
        return {}
    if kind.options and found != kind.options_number:
        raise TFLiteError(f"operator {name} has options of the kind {found}")
    values = {}
    for slot, option in enumerate(kind.options):
        if option.code == "v":
            value: Any = options.int32s(slot)
        else:
            value = options.scalar(slot, option.code, option.default)
        if value != option.default:
            values[option.name] = value
    return values


def _check_indices(indices: tuple[int, ...], tensor_count: int, lowest: int) -> None:
    for index in indices:
        if not lowest <= index < tensor_count:
            raise TFLiteError(f"the graph refers to tensor {index} of {tensor_count}")


def _check_order(
    operators: tuple[Operator, ...], inputs: tuple[int, ...], tensors: tuple[Tensor, ...]
) -> None:
    """Every tensor is made once, before it is used."""
    made = set(inputs) | {i for i, tensor in enumerate(tensors) if tensor.data is not None} | {-1}
    for operator in operators:
        for index in operator.inputs:
            if index not in made:
                raise TFLiteError(
                    f"operator {operator.name} uses {tensors[index].name!r} before it is made"
                )
        for index in operator.outputs:
            if index in made:
                raise TFLiteError(f"tensor {tensors[index].name!r} is made twice")
            made.add(index)
