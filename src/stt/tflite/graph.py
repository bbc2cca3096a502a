"""The graph in a `.tflite` file, as data: what the reader returns and the writer takes.

Only what acoustic models need of the format
(https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs):
one subgraph and static shapes. Whoever made the file, `read_graph` checked that all in it fits
together; what of it a runtime can run is another question (`acoustic.py`).
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
    """A `.tflite` file that is broken, or is not the acoustic model it should be."""


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
    """One field of an operator's options: its name, `struct` code and default.

    Its slot in the table is its place in `OperatorKind.options`. The code `v` is a vector of int32.
    """

    name: str
    code: str = "b"
    default: Any = 0


@dataclass(frozen=True)
class OperatorKind:
    """A builtin operator: its number in the schema, and the table of its options."""

    number: int
    options_number: int = 0  # 0: it has no options
    options: tuple[OptionField, ...] = ()


_ACTIVATION = OptionField("activation")
RELU = 1  # a value of `activation`
_POT_SCALE = OptionField("pot_scale_int16", "?", True)

RELU6 = 3  # another
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
        name: unique in files that this package writes.
        type: of the elements.
        shape: static; `()` for a scalar, and for what is known only when the graph runs.
        data: a constant's elements, little-endian and row-major, as bytes or, of a part of another
            constant, as a view of more dimensions; None where operators or the caller produce them.
        scales: of quantisation, `scale * (integer - zero_point)`: one, or one per index of
            `quantized_axis`.
        quantized_axis: see `scales`.
        zero_points: as many as `scales`, or one; none where all are 0.
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
        """Product of the shape."""
        return math.prod(self.shape)

    def array(self) -> NDArray[Any]:
        """Return a constant's elements, shaped; a view.

        Raises:
            TFLiteError: it is no constant, or is text.
        """
        if self.data is None or self.type not in NUMPY_TYPES:
            raise TFLiteError(f"tensor {self.name!r} is not an array stored in the file")
        if memoryview(self.data).ndim > 1:
            return np.asarray(self.data)
        return np.frombuffer(self.data, NUMPY_TYPES[self.type]).reshape(self.shape)

    def real_array(self) -> NDArray[np.float32]:
        """Return a constant's elements as float32, dequantised where they are integers.

        What is float32 anyway is a view of the file's bytes, as far as they can be written to and
        are aligned.

        Raises:
            TFLiteError: it is no constant, or neither floats nor quantised integers.
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
        """Return one value for all, or those of each index of `quantized_axis`, in shape."""
        shape = [1] * len(self.shape)
        if len(values) > 1:
            shape[self.quantized_axis] = len(values)
        return np.array(values, np.float32).reshape(shape)

    def strings(self) -> list[bytes]:
        """Return a constant's strings.

        Stored as int32 count, count + 1 offsets, and the bytes (TensorFlow's `string_util.h`).

        Raises:
            TFLiteError: it is no constant of strings, or its offsets are wrong.
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
    """Return what `Tensor.strings` reads."""
    offsets = [4 * (len(strings) + 2)]
    for string in strings:
        offsets.append(offsets[-1] + len(string))
    return struct.pack(f"<{len(offsets) + 1}i", len(strings), *offsets) + b"".join(strings)


@dataclass(frozen=True)
class Operator:
    """One step of the graph.

    Attributes:
        name: a key of `OPERATORS`, or that of a custom operator, or of one unknown here.
        inputs: indices of tensors, at least one; -1 stands for an optional input that is absent.
        outputs: indices of tensors, at least one.
        options: by name, where they differ from the defaults.
        version: of the operator, as runtimes number them.
        custom_options: of a custom operator, a flexbuffer.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    custom_options: bytes = b""

    @property
    def is_custom(self) -> bool:
        """Whether a runtime needs to be told about this operator."""
        return self.name not in OPERATORS


_LONGEST_RESHAPING = 8  # operators between a constant and its use; upstream has one


@dataclass(frozen=True)
class Graph:
    """All of a file. Operators stand in the order they run in."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    description: str = ""

    def output(self, name: str) -> int:
        """Return the index of the output of this name.

        Raises:
            TFLiteError: there is none.
        """
        return self._named(name, self.outputs, "output")

    def has_output(self, name: str) -> bool:
        """Whether there is an output of this name."""
        return any(self.tensors[index].name == name for index in self.outputs)

    def input(self, name: str) -> int:
        """Return the index of the input of this name.

        Raises:
            TFLiteError: there is none.
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
    def makers(self) -> Mapping[int, Operator]:
        """The operator that makes each tensor."""
        return {index: operator for operator in self.operators for index in operator.outputs}

    @cached_property
    def takers(self) -> Mapping[int, Sequence[Operator]]:
        """The operators that take each tensor, in the order they run."""
        takers: dict[int, list[Operator]] = {}
        for operator in self.operators:
            for index in dict.fromkeys(operator.inputs):
                takers.setdefault(index, []).append(operator)
        return takers

    def constant(self, index: int) -> Tensor | None:
        """Return the constant that a tensor is, or is a mere reshaping or widening of."""
        for _ in range(_LONGEST_RESHAPING):
            if index < 0:
                return None
            if self.tensors[index].data is not None:
                return self.tensors[index]
            maker = self.makers.get(index)
            if maker is None or maker.name not in ("RESHAPE", "DEQUANTIZE"):
                return None
            index = maker.inputs[0]
        return None

    def constant_output(self, name: str) -> Tensor:
        """Return the constant that an output repeats; models keep their metadata so.

        Raises:
            TFLiteError: there is no such output, or it is computed.
        """
        tensor = self.constant(self.output(name))
        if tensor is None:
            raise TFLiteError(f"output {name!r} is computed; it should be a constant")
        return tensor
