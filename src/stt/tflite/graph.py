"""The graph of a `.tflite` file as Python objects.

It covers the part of the format that acoustic models need: one subgraph and static shapes
(https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs).
`read_graph` checks that a graph is consistent; `acoustic.py` checks that it can be run.
"""

from __future__ import annotations

import enum
import itertools
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.errors import UserError


class TFLiteError(UserError):
    """A `.tflite` file is broken, or not a supported acoustic model."""


IDENTIFIER = b"TFL3"  # at byte 4 of every file


class TensorType(enum.IntEnum):
    """Element types, numbered as in the schema."""

    FLOAT32 = 0
    FLOAT16 = 1
    INT32 = 2
    UINT8 = 3
    INT64 = 4
    STRING = 5
    BOOL = 6
    INT16 = 7
    COMPLEX64 = 8
    INT8 = 9
    FLOAT64 = 10
    COMPLEX128 = 11
    UINT64 = 12
    RESOURCE = 13
    VARIANT = 14
    UINT32 = 15
    UINT16 = 16
    INT4 = 17
    BFLOAT16 = 18


NUMPY_TYPES: Mapping[TensorType, type[np.generic]] = {
    TensorType.FLOAT32: np.float32,
    TensorType.FLOAT16: np.float16,
    TensorType.INT32: np.int32,
    TensorType.UINT8: np.uint8,
    TensorType.INT64: np.int64,
    TensorType.INT16: np.int16,
    TensorType.INT8: np.int8,
}


_QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)


@dataclass(frozen=True)
class OptionField:
    """A field of an operator's options: its name, `struct` format character and default.

    Its slot in the table is its index in `OperatorKind.options`. The code `v` is a vector of int32.
    """

    name: str
    code: str = "b"
    default: Any = 0


@dataclass(frozen=True)
class OperatorKind:
    """A builtin operator: its number in the schema, and the table of its options."""

    number: int
    options_number: int = 0  # type of the options in the schema; 0 if there are none
    options: tuple[OptionField, ...] = ()


_ACTIVATION = OptionField("activation")
RELU = 1  # a value of `activation`
_POT_SCALE = OptionField("pot_scale_int16", "?", True)

RELU6 = 3  # a value of `activation`
CUSTOM = 32  # the number of every custom operator
OPERATORS: Mapping[str, OperatorKind] = {
    "ADD": OperatorKind(0, 11, (_ACTIVATION, _POT_SCALE)),
    "CONCATENATION": OperatorKind(2, 10, (OptionField("axis", "i"), _ACTIVATION)),
    "DEQUANTIZE": OperatorKind(6, 38),
    "FULLY_CONNECTED": OperatorKind(
        9,
        8,
        (
            _ACTIVATION,
            OptionField("weights_format"),
            OptionField("keep_num_dims", "?", False),
            OptionField("asymmetric_quantize_inputs", "?", False),
        ),
    ),
    "LOGISTIC": OperatorKind(14),
    "MUL": OperatorKind(18, 21, (_ACTIVATION,)),
    "RELU": OperatorKind(19),
    "RESHAPE": OperatorKind(22, 17, (OptionField("new_shape", "v", ()),)),
    "SOFTMAX": OperatorKind(25, 9, (OptionField("beta", "f", 0.0),)),
    "TANH": OperatorKind(28),
    "MEAN": OperatorKind(40, 27, (OptionField("keep_dims", "?", False),)),
    "SUB": OperatorKind(41, 28, (_ACTIVATION, _POT_SCALE)),
    "STRIDED_SLICE": OperatorKind(
        45,
        32,
        tuple(
            OptionField(f"{name}_mask", "i")
            for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
        ),
    ),
    "SPLIT": OperatorKind(49, 35, (OptionField("num_splits", "i"),)),
    "MAXIMUM": OperatorKind(55),
    "MINIMUM": OperatorKind(57),
    "RSQRT": OperatorKind(76),
    "SQUARED_DIFFERENCE": OperatorKind(99),
}


@dataclass(frozen=True)
class Tensor:
    """A tensor of the graph.

    Attributes:
        name: name of the tensor, unique in files that this package writes.
        type: type of the elements.
        shape: static shape; `()` for a scalar, or if the shape is known only when the graph runs.
        data: elements of a constant, little-endian and row-major, as bytes; for a part of another
            constant, a memoryview of several dimensions. None if the tensor is not a constant.
        scales: quantisation scales, `value = scale * (integer - zero_point)`: one for the tensor,
            or one for each index of `quantized_axis`; empty if not quantised.
        quantized_axis: see `scales`.
        zero_points: one for the tensor, or as many as `scales`; empty if all are 0.
    """

    name: str
    type: TensorType
    shape: tuple[int, ...]
    data: bytes | memoryview | None = None
    scales: tuple[float, ...] = ()
    quantized_axis: int = 0
    zero_points: tuple[int, ...] = ()

    @property
    def element_count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    def array(self) -> NDArray[Any]:
        """Return the elements of a constant, a view in the shape of the tensor.

        Raises:
            TFLiteError: the tensor is not a constant, or its elements are not numbers of a
                supported type.
        """
        if self.data is None or self.type not in NUMPY_TYPES:
            raise TFLiteError(f"tensor {self.name!r} is not an array stored in the file")
        if memoryview(self.data).ndim > 1:
            return np.asarray(self.data)
        return np.frombuffer(self.data, NUMPY_TYPES[self.type]).reshape(self.shape)

    def real_array(self) -> NDArray[np.float32]:
        """Return the elements of a constant as float32; integers are dequantised.

        For float32 it is a view of the file's bytes if these are writable and aligned, else a copy.

        Raises:
            TFLiteError: the tensor is not a constant, or neither floats nor quantised integers.
        """
        stored = self.array()
        if self.type in (TensorType.FLOAT32, TensorType.FLOAT16):
            return np.require(stored, np.float32, ["ALIGNED", "WRITEABLE"])
        if not self.scales or self.type not in _QUANTIZED:
            raise TFLiteError(
                f"tensor {self.name!r} is {self.type.name.lower()} without a scale; weights must "
                "be floats or quantised integers"
            )
        real = stored.astype(np.float32)
        if self.zero_points:
            real -= self._along_axis(self.zero_points)
        real *= self._along_axis(self.scales)
        return real

    def _along_axis(self, values: tuple[float, ...]) -> NDArray[np.float32]:
        """Return one value, or one for each index of `quantized_axis`, in a shape to broadcast."""
        shape = [1] * len(self.shape)
        if len(values) > 1:
            shape[self.quantized_axis] = len(values)
        return np.array(values, np.float32).reshape(shape)

    def strings(self) -> list[bytes]:
        """Return the strings of a constant.

        They are stored as int32 count, count + 1 int32 offsets, bytes (see TensorFlow's
        `string_util.h`).

        Raises:
            TFLiteError: the tensor is not a constant of strings, or its offsets are wrong.
        """
        if self.data is None or self.type != TensorType.STRING:
            raise TFLiteError(f"tensor {self.name!r} is not text stored in the file")
        data = bytes(self.data)
        count = struct.unpack_from("<i", data)[0] if len(data) >= 4 else -1
        if not 0 <= count <= len(data) // 4 - 2:
            raise TFLiteError(f"tensor {self.name!r}: its text is truncated")
        offsets = struct.unpack_from(f"<{count + 1}i", data, 4)
        if offsets[0] != 4 * (count + 2) or offsets[-1] > len(data):
            raise TFLiteError(f"tensor {self.name!r}: its text has offsets out of range")
        if any(start > end for start, end in itertools.pairwise(offsets)):
            raise TFLiteError(f"tensor {self.name!r}: its text has offsets out of order")
        return [data[start:end] for start, end in itertools.pairwise(offsets)]


def pack_strings(strings: list[bytes]) -> bytes:
    """Return the data of a tensor of strings; the inverse of `Tensor.strings`."""
    offsets = [4 * (len(strings) + 2)]
    for string in strings:
        offsets.append(offsets[-1] + len(string))
    return struct.pack(f"<{len(offsets) + 1}i", len(strings), *offsets) + b"".join(strings)


@dataclass(frozen=True)
class Operator:
    """An operator of the graph.

    Attributes:
        name: key of `OPERATORS`, or name of a custom or unknown operator.
        inputs: indices of tensors, at least one; -1 is an absent optional input.
        outputs: indices of tensors, at least one.
        options: options by name, only those that differ from their defaults.
        version: version of the operator in the TFLite format.
        custom_options: options of a custom operator, a flexbuffer.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    custom_options: bytes = b""

    @property
    def is_custom(self) -> bool:
        """Whether the operator is not in `OPERATORS`: custom or unknown."""
        return self.name not in OPERATORS


_LONGEST_RESHAPING = 8  # operators between a constant and its use; upstream's models have one


@dataclass(frozen=True)
class Graph:
    """The graph of a file. Operators are in the order in which they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    description: str = ""

    def output(self, name: str) -> int:
        """Return the tensor index of the output of this name.

        Raises:
            TFLiteError: there is no such output.
        """
        return self._named(name, self.outputs, "output")

    def has_output(self, name: str) -> bool:
        """Whether there is an output of this name."""
        return any(self.tensors[index].name == name for index in self.outputs)

    def input(self, name: str) -> int:
        """Return the tensor index of the input of this name.

        Raises:
            TFLiteError: there is no such input.
        """
        return self._named(name, self.inputs, "input")

    def _named(self, name: str, indices: tuple[int, ...], role: str) -> int:
        for index in indices:
            if self.tensors[index].name == name:
                return index
        names = ", ".join(self.tensors[index].name for index in indices[:16])
        raise TFLiteError(
            f"the file has no {role} {name!r} (it has: {names or 'none'}), so it is not a "
            "speech-to-text model"
        )

    @cached_property
    def producers(self) -> Mapping[int, Operator]:
        """Tensor index -> the operator that produces the tensor."""
        return {index: operator for operator in self.operators for index in operator.outputs}

    @cached_property
    def consumers(self) -> Mapping[int, Sequence[Operator]]:
        """Tensor index -> the operators with the tensor as an input, in the order they run."""
        consumers: dict[int, list[Operator]] = {}
        for operator in self.operators:
            for index in dict.fromkeys(operator.inputs):
                consumers.setdefault(index, []).append(operator)
        return consumers

    def constant(self, index: int) -> Tensor | None:
        """Return the constant of a tensor, or from which it is only reshaped or dequantised."""
        for _ in range(_LONGEST_RESHAPING):
            if index < 0:
                return None
            if self.tensors[index].data is not None:
                return self.tensors[index]
            producer = self.producers.get(index)
            if producer is None or producer.name not in ("RESHAPE", "DEQUANTIZE"):
                return None
            index = producer.inputs[0]
        return None

    def constant_output(self, name: str) -> Tensor:
        """Return the constant behind an output; models store their metadata in such outputs.

        Raises:
            TFLiteError: there is no such output, or it is computed.
        """
        tensor = self.constant(self.output(name))
        if tensor is None:
            raise TFLiteError(f"output {name!r} is computed; it should be a constant")
        return tensor
