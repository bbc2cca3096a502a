"""Reads `.tflite` files. They are not trusted: everything in them is checked."""

from __future__ import annotations

from typing import Any

from .flatbuffer import FlatBuffer, Table
from .graph import (
    CUSTOM,
    IDENTIFIER,
    NUMPY_TYPES,
    OPERATORS,
    Graph,
    Operator,
    OperatorKind,
    Tensor,
    TensorType,
    TFLiteError,
)

_OPERATOR_NAMES = {kind.number: name for name, kind in OPERATORS.items()}


def read_graph(content: bytes | memoryview) -> Graph:
    """Return the graph of a `.tflite` file.

    Constants are views of `content`, not copies.

    Args:
        content: contents of the file.

    Raises:
        TFLiteError: the file is not a `.tflite` file, truncated, inconsistent, or uses parts of the
            format that no acoustic model has. Unknown operators are no error here.
    """
    content = memoryview(content)
    if content[4:8] != IDENTIFIER:
        raise TFLiteError("not a .tflite file: the identifier TFL3 is missing at byte 4")
    model = FlatBuffer(content, "the .tflite file", TFLiteError).root()
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


def _constant(buffer: Table) -> memoryview | None:
    if buffer.scalar(1, "Q") or buffer.scalar(2, "Q"):
        raise TFLiteError("the file keeps weights outside of its tables; no acoustic model does")
    data = buffer.data(0)
    return data if len(data) else None


def _tensor(table: Table, buffers: list[memoryview | None]) -> Tensor:
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
    scales, axis, zero_points = _quantization(table.table(4), name)
    tensor = Tensor(name, element, shape, data, scales, axis, zero_points)
    if data is not None and element in NUMPY_TYPES:
        expected = tensor.element_count * NUMPY_TYPES[element]().itemsize
        if len(data) != expected:
            raise TFLiteError(
                f"tensor {name!r} of shape {list(shape)} needs {expected} bytes but has {len(data)}"
            )
    if len(scales) > 1 and not (axis < len(shape) and len(scales) == shape[axis]):
        raise TFLiteError(f"tensor {name!r} of shape {list(shape)} has {len(scales)} scales")
    return tensor


def _quantization(table: Table | None, name: str) -> tuple[tuple[float, ...], int, tuple[int, ...]]:
    """Return scales, their axis, and zero points; no zero points if all are 0."""
    if table is None:
        return (), 0, ()
    scales, axis, zero_points = table.numbers(2, "f"), table.scalar(6, "i"), table.numbers(3, "q")
    if not all(0 < scale < float("inf") for scale in scales) or axis < 0:
        raise TFLiteError(f"tensor {name!r} has a quantisation scale that is not positive")
    if not any(zero_points):
        return scales, axis, ()
    if len(zero_points) not in (1, len(scales)):
        raise TFLiteError(
            f"tensor {name!r} has {len(scales)} scales and {len(zero_points)} zero points"
        )
    return scales, axis, zero_points


def _operator_code(table: Table) -> tuple[str, int]:
    """Return the name and the version of an operator.

    Before 2020 the operator's number was a field of one byte. Newer files have this field and a
    wider one; the larger value of the two is valid.
    """
    number = max(table.scalar(0, "b"), table.scalar(3, "i"))
    version = table.scalar(2, "i", 1)
    if number == CUSTOM:
        return table.text(1), version
    return _OPERATOR_NAMES.get(number, f"builtin operator {number}"), version


def _operator(table: Table, codes: list[tuple[str, int]], tensor_count: int) -> Operator:
    index = table.scalar(0, "I")
    if index >= len(codes):
        raise TFLiteError(f"an operator has the code {index} of {len(codes)}")
    name, version = codes[index]
    inputs, outputs = table.int32s(1), table.int32s(2)
    if not inputs or not outputs:
        raise TFLiteError(f"operator {name} lacks inputs or outputs")
    _check_indices(inputs, tensor_count, lowest=-1)
    _check_indices(outputs, tensor_count, lowest=0)
    if name not in OPERATORS:
        return Operator(name, inputs, outputs, {}, version, bytes(table.data(5)[:4096]))
    options = _options(table, OPERATORS[name], name)
    return Operator(name, inputs, outputs, options, version)


def _options(table: Table, kind: OperatorKind, name: str) -> dict[str, Any]:
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
    """Check that every tensor is produced once, before it is used."""
    made = {-1, *inputs}
    made |= {i for i, tensor in enumerate(tensors) if tensor.data is not None}
    for operator in operators:
        for index in operator.inputs:
            # A tensor without elements needs no producer.
            if index not in made and tensors[index].element_count:
                raise TFLiteError(
                    f"operator {operator.name} uses {tensors[index].name!r} before it is made"
                )
        for index in operator.outputs:
            if index in made:
                raise TFLiteError(f"tensor {tensors[index].name!r} is made twice")
            made.add(index)
