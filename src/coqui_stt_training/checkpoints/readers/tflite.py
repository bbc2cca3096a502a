"""Exported TFLite models as sources: the weights found by what the graph does with them.

An export is the inference graph of 16 frames: three dense layers, the LSTM unrolled 16 times around
one kernel, two more dense layers, softmax. Walking from the output back to the input meets the six
weight matrices in order, whatever a converter called them; gates are told apart by what is done to
them. Kernels are `[outputs, inputs]`, as ours.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import AlphabetError
from coqui_stt_ctcdecoder.utf8_alphabet import restore_alphabet
from stt.frontends.mfcc import FeatureConfig

from ...errors import CheckpointError
from ...models.deepspeech.geometry import LAYERS, Geometry
from ...models.deepspeech.weights import Float32, geometry_of, upstream_name
from ..source import SourceModel
from .tensorflow_directory import alphabet_beside
from .tflite_file import Operator, Tensor, TFLiteFile

_RELU, _RELU6 = 1, 3  # ActivationFunctionType
_NORM_OPERATORS = {"MEAN", "SQUARED_DIFFERENCE", "RSQRT"}
_ROWS_AT_A_TIME = 64
_GATES = ("input", "forget", "cell", "output")  # the order of our rows


@dataclass(frozen=True)
class _Layer:
    """One weight matrix in the graph.

    Attributes:
        uses: the FULLY_CONNECTED operators with it: one, or one a frame for the LSTM.
        weights, bias: constants.
        after: the operators between this layer and the next.
    """

    uses: list[Operator]
    weights: Tensor
    bias: Tensor
    after: list[Operator]


def load_tflite(path: Path) -> SourceModel:
    """Load an exported model.

    Raises:
        CheckpointError: no TFLite file, damaged, or not an export of a DeepSpeech graph.
    """
    file = TFLiteFile(path)
    layers = dict(zip(LAYERS, _find_layers(file), strict=True))
    stored: dict[str, Tensor] = {}
    for name, layer in layers.items():
        stored[f"{name}.weight"] = layer.weights
        stored[f"{name}.bias"] = layer.bias
        if name not in ("lstm", "layer_6"):
            stored |= _find_norm(file, name, layer)
    geometry = _geometry(file, layers, stored)
    tensors = {name: file.real_values(tensor) for name, tensor in stored.items()}
    _split_lstm(tensors, _gate_order(file, layers["lstm"]))
    features = _features(file)
    alphabet, alphabet_note = _alphabet(file, geometry.n_classes)
    notes = (_precision_note(stored), alphabet_note)
    return SourceModel(
        format="tflite",
        path=path,
        specification=geometry,
        tensors={name: tensors[name] for name in geometry.tensor_shapes()},
        alphabet=alphabet,
        features=features,
        notes=tuple(note for note in notes if note),
        details={
            "quantised": any(tensor.type != "float32" for tensor in stored.values()),
            "graph_version": _metadata_number(file, "metadata_version"),
            "beam_width": _metadata_number(file, "metadata_beam_width"),
            "language": _metadata_text(file, "metadata_language"),
            "size_bytes": file.size_bytes,
        },
    )


def _find_layers(file: TFLiteFile) -> list[_Layer]:
    """Return the weight matrices from the input to the output."""
    if "logits" not in file.outputs:
        raise CheckpointError(
            f"{file.path} has no output named 'logits' (it has: {', '.join(file.outputs)}); it is "
            "not an acoustic model of Coqui STT or DeepSpeech"
        )
    layers: list[_Layer] = []
    uses, after = _nearest_layer(file, [file.outputs["logits"]], None)
    while uses and len(layers) <= len(LAYERS):
        constants = [_constants(file, use) for use in uses]
        weights, bias = constants[0]
        if any((w.index, b.index) != (weights.index, bias.index) for w, b in constants):
            raise CheckpointError(
                f"{file.path}: {weights.name!r} is one of several weight matrices side by side; "
                "this is another kind of graph"
            )
        layers.append(_Layer(uses, weights, bias, after))
        uses, after = _nearest_layer(file, [use.inputs[0] for use in uses], weights)
    if len(layers) != len(LAYERS):
        raise CheckpointError(
            f"{file.path} has {len(layers)} layers between 'logits' and its input; a DeepSpeech "
            f"graph has {len(LAYERS)}"
        )
    return layers[::-1]


def _nearest_layer(
    file: TFLiteFile, starts: list[int], through: Tensor | None
) -> tuple[list[Operator], list[Operator]]:
    """Walk back from tensors to the layer before: return its operators, and those on the way.

    Uses of the matrix `through` are walked through: the LSTM's frames depend on each other.
    """
    found: dict[Operator, None] = {}  # in order
    passed: dict[Operator, None] = {}
    queue, seen = list(starts), set(starts)
    while queue:
        operator = file.producers.get(queue.pop())
        if operator is None or operator in passed or operator in found:
            continue
        if operator.name == "FULLY_CONNECTED":
            weights = _constants(file, operator)[0]
            if through is None or weights.index != through.index:
                found[operator] = None
                continue
        passed[operator] = None
        fresh = [index for index in operator.inputs if index >= 0 and index not in seen]
        queue += fresh
        seen.update(fresh)
    return list(found), list(passed)


def _constants(file: TFLiteFile, operator: Operator) -> tuple[Tensor, Tensor]:
    """Return a layer's weights and bias."""
    weights, bias = (
        file.constant(operator.inputs[at]) if len(operator.inputs) > at else None for at in (1, 2)
    )
    if weights is None or bias is None:
        raise CheckpointError(
            f"{file.path}: a layer without constant weights and bias; this is another kind of graph"
        )
    if operator.options is not None and operator.options.scalar(1, "b") != 0:
        raise CheckpointError(f"{file.path}: {weights.name!r} has shuffled weights; not supported")
    return weights, bias


def _find_norm(file: TFLiteFile, name: str, layer: _Layer) -> dict[str, Tensor]:
    """Return a dense layer's normalisation, if any: the gain is multiplied, the bias added."""
    if not any(operator.name in _NORM_OPERATORS for operator in layer.after):
        return {}
    norm: dict[str, list[Tensor]] = {"weight": [], "bias": []}
    for operator in layer.after:
        role = {"MUL": "weight", "SUB": "bias", "ADD": "bias"}.get(operator.name)
        for index in operator.inputs if role else ():
            constant = file.constant(index)
            if constant is not None and constant.shape == layer.bias.shape:
                norm[role or ""].append(constant)
    if [len(found) for found in norm.values()] != [1, 1]:
        raise CheckpointError(
            f"{file.path}: {name} is normalised, but its gain and bias cannot be told apart "
            f"({len(norm['weight'])} and {len(norm['bias'])} candidates); bootstrap from the "
            "TensorFlow checkpoint it was exported from"
        )
    return {f"{name}.norm.{role}": found[0] for role, found in norm.items()}


def _geometry(file: TFLiteFile, layers: dict[str, _Layer], stored: dict[str, Tensor]) -> Geometry:
    shapes = {upstream_name(name): tensor.shape[::-1] for name, tensor in stored.items()}
    clips = {
        _relu_clip(file, name, layer)
        for name, layer in layers.items()
        if name not in ("lstm", "layer_6")
    }
    if len(clips) != 1:
        raise CheckpointError(f"{file.path}: layers with different upper bounds {sorted(clips)}")
    return geometry_of(shapes, clips.pop(), str(file.path))


def _relu_clip(file: TFLiteFile, name: str, layer: _Layer) -> float:
    """Return the upper bound of a dense layer's activation, min(relu(x), bound)."""
    options = layer.uses[0].options
    activation = options.scalar(0, "b") if options is not None else 0
    if activation == _RELU6:
        return 6.0
    bounds = [
        file.real_values(constant)
        for operator in layer.after
        if operator.name == "MINIMUM"
        for constant in map(file.constant, operator.inputs)
        if constant is not None
    ]
    has_relu = activation == _RELU or any(operator.name == "RELU" for operator in layer.after)
    if not has_relu or len(bounds) != 1 or bounds[0].size != 1 or not bounds[0].item() > 0:
        raise CheckpointError(
            f"{file.path}: {name} is not followed by a clipped rectifier, min(relu(x), bound); "
            "this is another kind of graph"
        )
    return float(bounds[0].item())


def _gate_order(file: TFLiteFile, lstm: _Layer) -> list[int]:
    """Return which quarter of the kernel's rows is the input, forget, cell and output gate."""
    state = file.inputs.get("previous_state_h")
    for use in lstm.uses:
        join = file.producers.get(use.inputs[0])
        if join is not None and join.name == "CONCATENATION" and state in join.inputs[1:2]:
            gates = _gates(file, use)
            if sorted(gates) == sorted(_GATES):
                return [gates[gate] for gate in _GATES]
    raise CheckpointError(
        f"{file.path}: its recurrent layer is not an LSTM as upstream exports it; bootstrap from "
        "the TensorFlow checkpoint it was exported from"
    )


def _gates(file: TFLiteFile, use: Operator) -> dict[str, int]:
    """Return which part of the split product is which gate; what is not clear is left out."""
    splits = file.consumers.get(use.outputs[0], [])
    if len(splits) != 1 or splits[0].name != "SPLIT":
        return {}
    gates: dict[str, int] = {}
    for position, part in enumerate(splits[0].outputs):
        activations = file.consumers.get(part, [])
        role = _gate_role(file, splits[0], activations[0]) if len(activations) == 1 else None
        if role is not None:
            gates[role] = position
    return gates


def _gate_role(file: TFLiteFile, split: Operator, activation: Operator) -> str | None:
    """Tell a gate by c' = s(forget) c + s(input) tanh(cell) and h' = s(output) tanh(c')."""
    if activation.name == "TANH":
        return "cell"
    products = file.consumers.get(activation.outputs[0], [])
    if activation.name != "LOGISTIC" or len(products) != 1 or products[0].name != "MUL":
        return None
    factors = [file.producers.get(index) for index in products[0].inputs]
    others = [factor for factor in factors if factor is not activation]
    if len(others) != 1:
        return None
    if others[0] is None or others[0].name != "TANH":
        return "forget"
    return "input" if others[0].inputs[0] in split.outputs else "output"


def _split_lstm(tensors: dict[str, Float32], order: list[int]) -> None:
    """Replace the LSTM's one kernel by views of its halves, our two, gates in our order."""
    kernel, bias = tensors.pop("lstm.weight"), tensors["lstm.bias"]
    n_hidden = kernel.shape[0] // 4
    gates = kernel.reshape(4, n_hidden, -1)
    for start in range(0, n_hidden, _ROWS_AT_A_TIME):  # in place: it is by far the largest tensor
        rows = slice(start, start + _ROWS_AT_A_TIME)
        gates[:, rows] = gates[order, rows]
    tensors["lstm.weight_ih"] = kernel[:, :n_hidden]
    tensors["lstm.weight_hh"] = kernel[:, n_hidden:]
    tensors["lstm.bias"] = bias.reshape(4, n_hidden)[order].reshape(-1)


def _precision_note(stored: dict[str, Tensor]) -> str | None:
    """Say how far weights can be from those that were trained."""
    kinds = {tensor.type for tensor in stored.values()} - {"float32"}
    if not kinds:
        return None
    worst, error = "", 0.0
    for name, tensor in stored.items():
        step = (
            max(map(abs, tensor.quantization.scales), default=0.0) if tensor.quantization else 0.0
        )
        if tensor.type != "float32" and step / 2 >= error:
            worst, error = name, step / 2
    detail = f" by up to {error:.2g} (half a step, in {worst})" if error else ""
    return (
        f"Weights are stored as {' and '.join(sorted(kinds))}: each differs from the trained one"
        f"{detail}. The checkpoint it was exported from is a better start, where there "
        "is one."
    )


def _features(file: TFLiteFile) -> FeatureConfig | None:
    sample_rate_hz = _metadata_number(file, "metadata_sample_rate")
    if sample_rate_hz is None:
        return None
    values = {
        "window_milliseconds": _metadata_number(file, "metadata_feature_win_len"),
        "step_milliseconds": _metadata_number(file, "metadata_feature_win_step"),
    }
    try:
        known = {name: value for name, value in values.items() if value is not None}
        return FeatureConfig(sample_rate_hz, **known)
    except ValueError as error:
        raise CheckpointError(f"{file.path}: its metadata cannot be right: {error}") from None


def _alphabet(file: TFLiteFile, class_count: int) -> tuple[Alphabet | None, str | None]:
    blob = _metadata_bytes(file, "metadata_alphabet")
    if blob is None:  # exports of DeepSpeech 0.6
        return alphabet_beside(file.path.parent, class_count)
    try:
        alphabet = restore_alphabet(blob)
    except AlphabetError as error:
        raise CheckpointError(f"{file.path}: its alphabet is damaged: {error}") from None
    if alphabet.size + 1 != class_count:
        raise CheckpointError(
            f"{file.path}: its alphabet has {alphabet.size} labels and its output layer "
            f"{class_count} classes, which need {class_count - 1}; it is damaged"
        )
    return alphabet, None


def _metadata(file: TFLiteFile, name: str) -> Tensor | None:
    return file.constant(file.outputs[name]) if name in file.outputs else None


def _metadata_number(file: TFLiteFile, name: str) -> int | None:
    tensor = _metadata(file, name)
    if tensor is None:
        return None
    values: Any = file.values(tensor)
    if tensor.type != "int32" or values.size != 1:
        raise CheckpointError(f"{file.path}: {name} is not one whole number; it is damaged")
    return int(values.item())


def _metadata_text(file: TFLiteFile, name: str) -> str | None:
    content = _metadata_bytes(file, name)
    return None if content is None else content.decode("utf-8", "replace")


def _metadata_bytes(file: TFLiteFile, name: str) -> bytes | None:
    """Return the one string of a string tensor: int32 count, then offsets of its ends, then it."""
    tensor = _metadata(file, name)
    if tensor is None:
        return None
    header_bytes = struct.calcsize("<3i")
    if tensor.type == "string" and len(tensor.data) >= header_bytes:
        count, start, end = struct.unpack("<3i", tensor.data[:header_bytes])
        if count == 1 and header_bytes <= start <= end <= len(tensor.data):
            return bytes(tensor.data[start:end])
    raise CheckpointError(f"{file.path}: {name} is not one string; it is damaged")
