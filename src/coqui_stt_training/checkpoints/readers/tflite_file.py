"""TFLite files: a graph of operators over tensors, some of which are constants.

Schema: tensorflow/lite/schema/schema.fbs, of which only what DeepSpeech graphs use is read. Field
numbers below are the schema's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stt.mapped_file import map_file
from stt.tflite.flatbuffer import FlatBuffer, Table

from ...errors import CheckpointError

MAGIC = b"TFL3"  # at byte 4

_LONGEST_RESHAPING = 8  # operators between a constant and its use; upstream has one

_TYPES = {
    **{0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool"},
    **{7: "int16", 9: "int8"},
}
_NUMPY_TYPES = {
    **{"float32": "<f4", "float16": "<f2", "int32": "<i4", "int64": "<i8", "int16": "<i2"},
    **{"uint8": "u1", "int8": "i1"},
}
_CUSTOM = 32
_OPERATORS = {
    **{0: "ADD", 2: "CONCATENATION", 6: "DEQUANTIZE", 9: "FULLY_CONNECTED", 14: "LOGISTIC"},
    **{18: "MUL", 19: "RELU", 22: "RESHAPE", 25: "SOFTMAX", 28: "TANH", 40: "MEAN", 41: "SUB"},
    **{43: "SQUEEZE", 45: "STRIDED_SLICE", 49: "SPLIT", 57: "MINIMUM", 76: "RSQRT"},
    **{70: "EXPAND_DIMS", 88: "UNPACK", 99: "SQUARED_DIFFERENCE"},
}


@dataclass(frozen=True)
class Quantization:
    """How integers stand for real numbers: `scale * (integer - zero_point)`, along an axis."""

    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int


@dataclass(frozen=True)
class Tensor:
    """A tensor; `data` has the bytes of a constant, and is empty for what is computed."""

    index: int
    name: str
    type: str
    shape: tuple[int, ...]
    data: memoryview
    quantization: Quantization | None

    @property
    def is_constant(self) -> bool:
        """Whether its values are in the file."""
        return len(self.data) > 0


@dataclass(frozen=True, eq=False)
class Operator:
    """One step of the graph: its name (`FULLY_CONNECTED`), and tensor indices; -1 is absent."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None


class TFLiteFile:
    """The one graph of a TFLite file.

    Args:
        path: the file.

    Raises:
        CheckpointError: it cannot be read, is no TFLite file, or points outside itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            content = map_file(path, writable=True)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None
        if content[4:8] != MAGIC:
            raise CheckpointError(f"{path} is not a TFLite file (no TFL3 at byte 4)")
        self.size_bytes = len(content)
        model = FlatBuffer(content, str(path), CheckpointError).root()
        graphs = model.tables(2)
        if len(graphs) != 1:
            raise CheckpointError(f"{path} has {len(graphs)} graphs; a speech model has one")
        codes = [_operator_name(code) for code in model.tables(1)]
        buffers = model.tables(4)
        self.tensors = [
            self._tensor(index, table, buffers) for index, table in enumerate(graphs[0].tables(0))
        ]
        self.operators = [self._operator(table, codes) for table in graphs[0].tables(3)]
        self.inputs = self._named(graphs[0].int32s(1))
        self.outputs = self._named(graphs[0].int32s(2))

    def _tensor(self, index: int, table: Table, buffers: Sequence[Table]) -> Tensor:
        buffer = table.scalar(2, "I")
        if buffer >= len(buffers):
            raise CheckpointError(f"{self.path}: tensor {index} has no buffer {buffer}; damaged")
        quantization = table.table(4)
        scales = () if quantization is None else quantization.numbers(2, "f")
        return Tensor(
            index=index,
            name=table.text(3),
            type=_TYPES.get(table.scalar(1, "b"), f"type {table.scalar(1, 'b')}"),
            shape=table.int32s(0),
            data=buffers[buffer].data(0),
            quantization=None
            if quantization is None or not scales
            else Quantization(scales, quantization.numbers(3, "q"), quantization.scalar(6, "i")),
        )

    def _operator(self, table: Table, codes: Sequence[str]) -> Operator:
        code = table.scalar(0, "I")
        if code >= len(codes):
            raise CheckpointError(f"{self.path}: an operator has no code {code}; damaged")
        operator = Operator(codes[code], table.int32s(1), table.int32s(2), table.table(4))
        if not operator.inputs or not operator.outputs:
            raise CheckpointError(f"{self.path}: {operator.name} lacks inputs or outputs; damaged")
        indices = operator.inputs + operator.outputs
        if not -1 <= min(indices) <= max(indices) < len(self.tensors):
            raise CheckpointError(f"{self.path}: an operator uses a tensor that is not there")
        return operator

    def _named(self, indices: tuple[int, ...]) -> dict[str, int]:
        if indices and not 0 <= min(indices) <= max(indices) < len(self.tensors):
            raise CheckpointError(f"{self.path}: an input or output is not there; it is damaged")
        return {self.tensors[index].name: index for index in indices}

    @cached_property
    def producers(self) -> dict[int, Operator]:
        """The operator that computes each tensor."""
        return {output: op for op in self.operators for output in op.outputs}

    @cached_property
    def consumers(self) -> dict[int, list[Operator]]:
        """The operators that read each tensor, in the order they run."""
        readers: dict[int, list[Operator]] = {}
        for operator in self.operators:
            for index in dict.fromkeys(operator.inputs):
                readers.setdefault(index, []).append(operator)
        return readers

    def constant(self, index: int) -> Tensor | None:
        """Return the constant that a tensor is, or is a mere reshaping or widening of."""
        for _ in range(_LONGEST_RESHAPING):
            if 0 <= index < len(self.tensors) and self.tensors[index].is_constant:
                return self.tensors[index]
            producer = self.producers.get(index)
            if producer is None or producer.name not in ("RESHAPE", "DEQUANTIZE"):
                return None
            index = producer.inputs[0]
        return None

    def values(self, tensor: Tensor) -> NDArray[Any]:
        """Return a constant's values as stored, in its shape: a view of the mapped file.

        Raises:
            CheckpointError: of a type without numbers, or of another size than its shape says.
        """
        dtype = _NUMPY_TYPES.get(tensor.type)
        if dtype is None:
            raise CheckpointError(
                f"{self.path}: tensor {tensor.name!r} is {tensor.type}; numbers are expected"
            )
        expected = math.prod(tensor.shape) * np.dtype(dtype).itemsize
        if min(tensor.shape, default=0) < 0 or len(tensor.data) != expected:
            raise CheckpointError(
                f"{self.path}: tensor {tensor.name!r} of shape {list(tensor.shape)} ({tensor.type})"
                f" has {len(tensor.data)} bytes; the file is damaged"
            )
        return np.frombuffer(tensor.data, dtype).reshape(tensor.shape)

    def real_values(self, tensor: Tensor) -> NDArray[np.float32]:
        """Return a constant's values as float32, dequantised where they are integers.

        Returns:
            What is stored so anyway as a view of the mapped file, which can be written to: the file
            on disk does not change.

        Raises:
            CheckpointError: as `values`, or integers without a scale for each.
        """
        stored = self.values(tensor)
        if tensor.type in ("float32", "float16"):
            return np.require(stored, np.float32, ["ALIGNED", "WRITEABLE"])
        quantization = tensor.quantization
        if quantization is None or tensor.type not in ("int8", "uint8", "int16"):
            raise CheckpointError(
                f"{self.path}: tensor {tensor.name!r} is {tensor.type} without a scale; "
                "weights must be floats or quantised integers"
            )
        scales = np.array(quantization.scales, np.float32)
        zero_points = np.array(quantization.zero_points or (0,), np.int64)
        axis = quantization.axis
        channels = stored.shape[axis] if 0 <= axis < stored.ndim else 1
        if len(scales) not in (1, channels) or len(zero_points) not in (1, len(scales)):
            raise CheckpointError(
                f"{self.path}: tensor {tensor.name!r} has {len(scales)} scales and "
                f"{len(zero_points)} zero points for {channels} channels; the file is damaged"
            )
        along = [1] * stored.ndim
        if len(scales) > 1:
            along[axis] = len(scales)
        real = stored.astype(np.float32)
        if zero_points.any():
            real -= zero_points.astype(np.float32).reshape(along if len(zero_points) > 1 else -1)
        real *= scales.reshape(along if len(scales) > 1 else -1)
        return real


def _operator_name(code: Table) -> str:
    """Return an operator's name; before 2020 its number was one byte, which newer files repeat."""
    number = max(code.scalar(0, "b"), code.scalar(3, "i"))
    return code.text(1) if number == _CUSTOM else _OPERATORS.get(number, f"operator {number}")
