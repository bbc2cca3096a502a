"""`.tflite` models for libstt: upstream's graph, written without TensorFlow.

libstt finds the inputs and outputs by name. The model also computes the features, with two custom
operators of libstt:

    input_samples [window]                  -> mfccs [1, 26]
    input_node [1, n_steps, 19, 26],
    previous_state_c, previous_state_h [1, H]  -> logits [n_steps, C] (probabilities),
                                               new_state_c, new_state_h [1, H]
                                            -> metadata_*: constants

The LSTM is unrolled: `n_steps` cells share one matrix `[4H, 2H]`. Names are upstream's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from stt.frontends.mfcc import LOWER_FREQUENCY_HZ, MEL_CHANNELS
from stt.frontends.mfcc_config import MFCC_COEFFICIENTS, FeatureConfig
from stt.tflite.graph import NUMPY_TYPES, RELU, Graph, Operator, Tensor, TensorType, pack_strings
from stt.tflite.writer import write_graph

from ..deployment import Deployment

GRAPH_VERSION = 6  # version of the interface; libstt 1.4.0 refuses lower ones
LAYER_NORM_EPSILON = 1e-12
# TensorFlow's converter does not quantise smaller tensors, which would gain nothing.
QUANTIZE_MIN_ELEMENTS = 1024

_RNN = "cudnn_lstm/rnn/multi_rnn_cell"
_CELL = f"{_RNN}/cell_0/cudnn_compatible_lstm_cell"


def tflite_model(deployment: Deployment, quantize: bool) -> bytes:
    """Return the contents of a `.tflite` file.

    Args:
        deployment: model to write.
        quantize: whether to store matrices as int8, with one scale each ("dynamic range"): a
            quarter of the size, and several times as fast on most processors.

    Raises:
        AlphabetError: the alphabet is too large for the format.
    """
    builder = _GraphBuilder(quantize)
    outputs = _acoustic_model(builder, deployment)
    features = _features(builder, deployment.features)
    states, layers = outputs[1:3], outputs[3:]
    metadata = _metadata(builder, deployment)
    graph = Graph(
        tensors=tuple(builder.tensors),
        operators=tuple(builder.operators),
        inputs=tuple(builder.inputs),
        outputs=(outputs[0], *states, features, *layers, *metadata),
        description="Coqui STT",
    )
    return write_graph(graph)


class _GraphBuilder:
    """A graph under construction. Methods return indices of tensors."""

    def __init__(self, quantize: bool) -> None:
        self.quantize = quantize
        self.tensors: list[Tensor] = []
        self.operators: list[Operator] = []
        self.inputs: list[int] = []

    def add(self, tensor: Tensor) -> int:
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def input(self, name: str, shape: tuple[int, ...]) -> int:
        self.inputs.append(self.add(Tensor(name, TensorType.FLOAT32, shape)))
        return self.inputs[-1]

    def constant(self, name: str, values: Any, kind: TensorType = TensorType.FLOAT32) -> int:
        array = np.asarray(values, NUMPY_TYPES[kind])
        return self.add(Tensor(name, kind, array.shape, array.tobytes()))

    def integers(self, name: str, values: Any) -> int:
        return self.constant(name, values, TensorType.INT32)

    def matrix(self, name: str, values: NDArray[np.float32]) -> int:
        if not self.quantize or values.size < QUANTIZE_MIN_ELEMENTS:
            return self.constant(name, values)
        integers, scale = quantize_symmetrically(values)
        tensor = Tensor(name, TensorType.INT8, values.shape, integers.tobytes(), (scale,))
        return self.add(tensor)

    def apply(
        self,
        name: str,
        inputs: Sequence[int],
        outputs: Sequence[tuple[str, tuple[int, ...]]],
        version: int = 1,
        custom_options: bytes = b"",
        **options: Any,
    ) -> list[int]:
        kind = self.tensors[inputs[0]].type if name == "RESHAPE" else TensorType.FLOAT32
        made = [self.add(Tensor(output, kind, shape)) for output, shape in outputs]
        self.operators.append(
            Operator(name, tuple(inputs), tuple(made), options, version, custom_options)
        )
        return made

    def unary(self, name: str, source: int, output: str, **options: Any) -> int:
        return self.apply(name, [source], [(output, self.tensors[source].shape)], **options)[0]

    def binary(self, name: str, left: int, right: int, output: str) -> int:
        shape = np.broadcast_shapes(self.tensors[left].shape, self.tensors[right].shape)
        return self.apply(name, [left, right], [(output, shape)])[0]

    def reshape(self, source: int, shape: Sequence[int], output: str, shape_name: str) -> int:
        known = math.prod(size for size in shape if size != -1)
        rest = self.tensors[source].element_count // known
        static = tuple(rest if size == -1 else size for size in shape)
        inputs = [source, self.integers(shape_name, shape)]
        return self.apply("RESHAPE", inputs, [(output, static)], new_shape=tuple(shape))[0]

    def dense(self, source: int, weight: int, bias: int, output: str, activation: int = 0) -> int:
        rows, columns = self.tensors[weight].shape
        shape = (self.tensors[source].element_count // columns, rows)
        # Version 3 is the first that supports int8 weights with a float input.
        version = 3 if self.tensors[weight].type == TensorType.INT8 else 1
        made = self.apply(
            "FULLY_CONNECTED",
            [source, weight, bias],
            [(output, shape)],
            version=version,
            activation=activation,
        )
        return made[0]


def quantize_symmetrically(values: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    """Return int8 values and their scale, like TensorFlow's converter.

    The largest magnitude becomes 127; halves are rounded away from zero. If all values are zero,
    the scale is 1.
    """
    largest = np.abs(values).max(initial=np.float32(0))
    if largest == 0:
        return np.zeros(values.shape, np.int8), 1.0
    scaled = values * (np.float32(127) / largest)
    rounded = np.copysign(np.floor(np.abs(scaled) + np.float32(0.5)), scaled)
    return np.clip(rounded, -127, 127).astype(np.int8), float(largest / np.float32(127))


def _features(builder: _GraphBuilder, features: FeatureConfig) -> int:
    window = features.window_samples
    bins = features.fft_length // 2 + 1
    samples = builder.input("input_samples", (window,))
    column = builder.reshape(samples, (window, 1), "ExpandDims", "ExpandDims/dim_0")
    spectrogram = builder.apply(
        "AudioSpectrogram",
        [column],
        [("AudioSpectrogram", (1, 1, bins))],
        custom_options=_flexbuffer(
            window_size=window, magnitude_squared=True, stride=features.step_samples
        ),
    )[0]
    mfcc = builder.apply(
        "Mfcc",
        [spectrogram, builder.integers("Mfcc/sample_rate", features.sample_rate_hz)],
        [("Mfcc", (1, 1, MFCC_COEFFICIENTS))],
        custom_options=_flexbuffer(
            filterbank_channel_count=MEL_CHANNELS,
            upper_frequency_limit=features.sample_rate_hz / 2,
            lower_frequency_limit=LOWER_FREQUENCY_HZ,
            dct_coefficient_count=MFCC_COEFFICIENTS,
        ),
    )[0]
    return builder.reshape(mfcc, (-1, MFCC_COEFFICIENTS), "mfccs", "Reshape/shape")


def _flexbuffer(**values: bool | int | float) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, value in values.items():
            if isinstance(value, bool):
                builder.Bool(name, value)
            elif isinstance(value, int):
                builder.Int(name, value)
            else:
                builder.Float(name, value)
    return bytes(builder.Finish())


def _acoustic_model(builder: _GraphBuilder, deployment: Deployment) -> list[int]:
    """Return logits, new_state_c, new_state_h, and the outputs of layers 3 and 5."""
    geometry, tensors = deployment.geometry, deployment.tensors
    window = (2 * geometry.n_context + 1, MFCC_COEFFICIENTS)
    hidden = builder.input("input_node", (1, deployment.n_steps, *window))
    c = builder.input("previous_state_c", (1, geometry.n_hidden))
    h = builder.input("previous_state_h", (1, geometry.n_hidden))
    for index, layer in enumerate(("layer_1", "layer_2", "layer_3")):
        hidden = _hidden_layer(builder, deployment, layer, index, hidden)
    layer_3 = hidden
    recurrent, c, h = _lstm(builder, deployment, hidden, c, h)
    layer_5 = _hidden_layer(builder, deployment, "layer_5", 3, recurrent)
    logits = builder.dense(
        layer_5,
        builder.matrix("layer_6/weights/transpose", tensors["layer_6.weight"]),
        builder.constant("MatMul_4_bias", tensors["layer_6.bias"]),
        "BiasAdd_4",
    )
    return [builder.unary("SOFTMAX", logits, "logits", beta=1.0), c, h, layer_3, layer_5]


def _hidden_layer(
    builder: _GraphBuilder, deployment: Deployment, layer: str, index: int, source: int
) -> int:
    geometry, tensors = deployment.geometry, deployment.tensors
    suffix = f"_{index}" if index else ""
    weight = builder.matrix(f"{layer}/weights/transpose", tensors[f"{layer}.weight"])
    bias = builder.constant(f"MatMul{suffix}_bias", tensors[f"{layer}.bias"])
    positive = builder.dense(source, weight, bias, f"Relu{suffix}", activation=RELU)
    clip = builder.constant(f"Minimum{suffix}/y", np.float32(geometry.relu_clip))
    output = builder.binary("MINIMUM", positive, clip, f"Minimum{suffix}")
    if not geometry.layer_norm:
        return output
    gamma, beta = tensors[f"{layer}.norm.weight"], tensors[f"{layer}.norm.bias"]
    return _layer_norm(builder, output, gamma, beta, f"{layer}/LayerNorm")


def _layer_norm(
    builder: _GraphBuilder,
    source: int,
    gamma: NDArray[np.float32],
    beta: NDArray[np.float32],
    scope: str,
) -> int:
    """Return layer normalisation over the last axis."""
    axis = builder.integers(f"{scope}/moments/axis", [1])
    rows = [(builder.tensors[source].shape[0], 1)]

    def mean(values: int, name: str) -> int:
        return builder.apply("MEAN", [values, axis], [(name, rows[0])], keep_dims=True)[0]

    centre = mean(source, f"{scope}/moments/mean")
    squares = builder.binary(
        "SQUARED_DIFFERENCE", source, centre, f"{scope}/moments/SquaredDifference"
    )
    variance = mean(squares, f"{scope}/moments/variance")
    epsilon = builder.constant(f"{scope}/batchnorm/add/y", np.float32(LAYER_NORM_EPSILON))
    shifted = builder.binary("ADD", variance, epsilon, f"{scope}/batchnorm/add")
    inverse = builder.unary("RSQRT", shifted, f"{scope}/batchnorm/Rsqrt")
    centred = builder.binary("SUB", source, centre, f"{scope}/batchnorm/sub")
    normalized = builder.binary("MUL", centred, inverse, f"{scope}/batchnorm/mul")
    scale = builder.constant(f"{scope}/gamma", gamma)
    scaled = builder.binary("MUL", normalized, scale, f"{scope}/batchnorm/mul_1")
    shift = builder.constant(f"{scope}/beta", beta)
    return builder.binary("ADD", scaled, shift, f"{scope}/batchnorm/add_1")


def _lstm(
    builder: _GraphBuilder, deployment: Deployment, source: int, c: int, h: int
) -> tuple[int, int, int]:
    """Return the outputs of all steps `[n_steps, H]`, and the last state: c, then h."""
    geometry, tensors, steps = deployment.geometry, deployment.tensors, deployment.n_steps
    hidden = geometry.n_hidden
    joined = np.hstack([tensors["lstm.weight_ih"], tensors["lstm.weight_hh"]])
    kernel = builder.matrix(f"{_CELL}/kernel/transpose", _tensorflow_gates(joined))
    bias = builder.constant(f"{_CELL}/MatMul_bias", _tensorflow_gates(tensors["lstm.bias"]))
    frames = builder.reshape(source, (-1, 1, hidden), "Reshape_2", "Reshape_2/shape")
    inputs = [_frame(builder, frames, step) for step in range(steps)]
    split_axis = builder.integers(f"{_CELL}/split/split_dim", 1)
    outputs = []
    for step, frame in enumerate(inputs):
        last = step == steps - 1
        names = ("new_state_c", "new_state_h") if last else _cell_names(step, ("add_1", "mul_2"))
        c, h = _cell(builder, step, (frame, c, h), (kernel, bias, split_axis), names)
        outputs.append(h)
    joint = builder.apply("CONCATENATION", outputs, [(f"{_RNN}/concat", (steps, hidden))], axis=0)
    return joint[0], c, h


def _tensorflow_gates(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reorder `[4H, ...]` from input, forget, cell, output to input, cell, forget, output."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, g, f, o])


def _frame(builder: _GraphBuilder, frames: int, step: int) -> int:
    """Return frame `step` of `[n_steps, 1, H]`, as `[1, H]`."""
    hidden = builder.tensors[frames].shape[2]
    name = f"{_RNN}/strided_slice" + (f"_{step}" if step else "")
    bounds = [
        builder.integers(f"{name}/{part}", values)
        for part, values in (
            ("stack", [step, 0, 0]),
            ("stack_1", [step + 1, 1, hidden]),
            ("stack_2", [1, 1, 1]),
        )
    ]
    made = builder.apply(
        "STRIDED_SLICE",
        [frames, *bounds],
        [(name, (1, hidden))],
        begin_mask=6,  # all of axes 1 and 2
        end_mask=6,
        shrink_axis_mask=1,  # axis 0 disappears
    )
    return made[0]


def _cell_names(step: int, names: Sequence[str]) -> list[str]:
    """Return tensor names made unique by the step, not by TensorFlow's suffixes (Tanh_1, ...)."""
    return [f"{_CELL}/step_{step}/{name}" for name in names]


def _cell(
    builder: _GraphBuilder,
    step: int,
    inputs: tuple[int, int, int],
    parameters: tuple[int, int, int],
    state_names: Sequence[str],
) -> tuple[int, int]:
    """Map `(x, c, h)` to `(c, h)`: one step of an LSTM with gates i, g, f, o and no peepholes."""
    x, c, h = inputs
    kernel, bias, split_axis = parameters
    hidden = builder.tensors[h].shape[1]
    joined_name, sums_name, *split_names = _cell_names(
        step, ("concat", "BiasAdd", "split", "split:1", "split:2", "split:3")
    )
    joined = builder.apply("CONCATENATION", [x, h], [(joined_name, (1, 2 * hidden))], axis=1)[0]
    sums = builder.dense(joined, kernel, bias, sums_name)
    # Upstream's files have version 3; the operator is the same in version 1.
    i, g, f, o = builder.apply(
        "SPLIT",
        [split_axis, sums],
        [(name, (1, hidden)) for name in split_names],
        version=3,
        num_splits=4,
    )
    names = _cell_names(step, ("Sigmoid", "mul", "Sigmoid_1", "Tanh", "mul_1", "Sigmoid_2"))
    kept = builder.binary("MUL", builder.unary("LOGISTIC", f, names[0]), c, names[1])
    input_gate = builder.unary("LOGISTIC", i, names[2])
    added = builder.binary("MUL", input_gate, builder.unary("TANH", g, names[3]), names[4])
    new_c = builder.binary("ADD", kept, added, state_names[0])
    output_gate = builder.unary("LOGISTIC", o, names[5])
    shown = builder.unary("TANH", new_c, _cell_names(step, ("Tanh_1",))[0])
    return new_c, builder.binary("MUL", output_gate, shown, state_names[1])


def _metadata(builder: _GraphBuilder, deployment: Deployment) -> list[int]:
    """Add the outputs that describe the model, which are constant.

    Each constant passes through an operator: libstt runs the graph to read an output, and crashes
    if there is nothing to run.
    """
    features = deployment.features
    values: dict[str, int | bytes] = {
        "metadata_version": GRAPH_VERSION,
        "metadata_sample_rate": features.sample_rate_hz,
        "metadata_feature_win_len": features.window_milliseconds,
        "metadata_feature_win_step": features.step_milliseconds,
        "metadata_beam_width": deployment.beam_width,
        "metadata_alphabet": deployment.alphabet.serialize(),
    }
    if deployment.language:
        values["metadata_language"] = deployment.language.encode()
    outputs = []
    for name, value in values.items():
        if isinstance(value, bytes):
            text = Tensor(f"{name}_copy", TensorType.STRING, (1,), pack_strings([value]))
            source = builder.add(text)
        else:
            source = builder.integers(f"{name}_copy", [value])
        outputs.append(builder.reshape(source, (1,), name, f"{name}_copy_shape"))
    return outputs
