"""Writes `.tflite` files."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

from .graph import CUSTOM, IDENTIFIER, OPERATORS, Graph, Operator, Tensor

_SCHEMA_VERSION = 3
_ALIGNMENT_BYTES = 16  # of constants; required by the schema
_PREPEND = {
    "b": flatbuffers.Builder.PrependInt8Slot,
    "?": flatbuffers.Builder.PrependBoolSlot,
    "B": flatbuffers.Builder.PrependUint8Slot,
    "i": flatbuffers.Builder.PrependInt32Slot,
    "I": flatbuffers.Builder.PrependUint32Slot,
    "f": flatbuffers.Builder.PrependFloat32Slot,
}


def write_graph(graph: Graph) -> bytes:
    """Return a graph as the contents of a `.tflite` file; equal graphs give equal bytes."""
    # A constant that several tensors share is written once. Buffer 0 is empty; tensors that are not
    # constants refer to it.
    constants = {
        id(tensor.data): tensor.data for tensor in graph.tensors if tensor.data is not None
    }
    buffer_numbers = {key: number for number, key in enumerate(constants, start=1)}
    contents = [None, *constants.values()]
    constant_bytes = sum(memoryview(data).nbytes for data in contents if data is not None)
    builder = flatbuffers.Builder(constant_bytes + 512 * (len(graph.tensors) + 64))
    codes = sorted(
        {(operator.name, operator.version) for operator in graph.operators},
        key=lambda code: (_number(code[0]), code),
    )
    buffers = _tables(builder, [_buffer(builder, data) for data in contents])
    description = builder.CreateString(graph.description)
    subgraphs = _tables(builder, [_subgraph(builder, graph, codes, buffer_numbers)])
    code_tables = _tables(builder, [_code(builder, *code) for code in codes])
    offsets = {1: code_tables, 2: subgraphs, 3: description, 4: buffers}
    root = _table(builder, offsets, {0: ("I", _SCHEMA_VERSION)})
    builder.Finish(root, file_identifier=IDENTIFIER)
    return bytes(memoryview(builder.Bytes)[builder.Head() :])


def _number(name: str) -> int:
    return OPERATORS[name].number if name in OPERATORS else CUSTOM


def _table(
    builder: flatbuffers.Builder, offsets: dict[int, int], scalars: dict[int, tuple[str, Any]]
) -> int:
    """Write a table; its fields, by slot, are offsets of objects written before, and numbers."""
    builder.StartObject(1 + max((*offsets, *scalars), default=0))
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, (code, value) in scalars.items():
        _PREPEND[code](builder, slot, value, None)
    return int(builder.EndObject())


def _tables(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _numbers(builder: flatbuffers.Builder, values: tuple[Any, ...], dtype: type[Any]) -> int:
    return int(builder.CreateNumpyVector(np.array(values, dtype)))


def _buffer(builder: flatbuffers.Builder, data: bytes | memoryview | None) -> int:
    if data is None:
        return _table(builder, {}, {})
    view = memoryview(data)
    builder.StartVector(1, view.nbytes, _ALIGNMENT_BYTES)
    builder.head -= view.nbytes
    place = memoryview(builder.Bytes)[builder.head : builder.head + view.nbytes]
    if view.ndim == 1:
        place[:] = view.cast("B")
    else:  # a part of a matrix
        values = np.asarray(view)
        np.frombuffer(place, values.dtype).reshape(values.shape)[...] = values
    return _table(builder, {0: int(builder.EndVector())}, {})


def _subgraph(
    builder: flatbuffers.Builder,
    graph: Graph,
    codes: list[tuple[str, int]],
    buffer_numbers: dict[int, int],
) -> int:
    tensors = [
        _tensor(builder, tensor, buffer_numbers.get(id(tensor.data), 0)) for tensor in graph.tensors
    ]
    operators = [
        _operator(builder, operator, codes.index((operator.name, operator.version)))
        for operator in graph.operators
    ]
    offsets = {
        0: _tables(builder, tensors),
        1: _numbers(builder, graph.inputs, np.int32),
        2: _numbers(builder, graph.outputs, np.int32),
        3: _tables(builder, operators),
    }
    return _table(builder, offsets, {})


def _tensor(builder: flatbuffers.Builder, tensor: Tensor, buffer: int) -> int:
    offsets = {0: _numbers(builder, tensor.shape, np.int32), 3: builder.CreateString(tensor.name)}
    if tensor.scales:
        scales = {
            2: _numbers(builder, tensor.scales, np.float32),
            3: _numbers(builder, tensor.zero_points or (0,) * len(tensor.scales), np.int64),
        }
        offsets[4] = _table(builder, scales, {6: ("i", tensor.quantized_axis)})
    return _table(builder, offsets, {1: ("b", int(tensor.type)), 2: ("I", buffer)})


def _operator(builder: flatbuffers.Builder, operator: Operator, code: int) -> int:
    offsets = {
        1: _numbers(builder, operator.inputs, np.int32),
        2: _numbers(builder, operator.outputs, np.int32),
    }
    scalars: dict[int, tuple[str, Any]] = {0: ("I", code)}
    if operator.custom_options:
        offsets[5] = builder.CreateByteVector(operator.custom_options)
    if not operator.is_custom and OPERATORS[operator.name].options_number:
        offsets[4] = _options(builder, operator)
        scalars[3] = ("B", OPERATORS[operator.name].options_number)
    return _table(builder, offsets, scalars)


def _options(builder: flatbuffers.Builder, operator: Operator) -> int:
    offsets: dict[int, int] = {}
    scalars: dict[int, tuple[str, Any]] = {}
    for slot, option in enumerate(OPERATORS[operator.name].options):
        value = operator.options.get(option.name, option.default)
        if option.code == "v":
            offsets[slot] = _numbers(builder, value, np.int32)
        else:
            scalars[slot] = (option.code, value)
    return _table(builder, offsets, scalars)


def _code(builder: flatbuffers.Builder, name: str, version: int) -> int:
    """Write an operator code. Numbers up to 127 are in the old field too, for old runtimes."""
    number = _number(name)
    offsets = {1: builder.CreateString(name)} if name not in OPERATORS else {}
    return _table(
        builder, offsets, {0: ("b", min(number, 127)), 2: ("i", version), 3: ("i", number)}
    )
