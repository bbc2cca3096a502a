"""Reads exported TFLite models: weights are identified by their role in the graph.

An export is the inference graph of 16 frames: three dense layers, an LSTM unrolled 16 times with
one kernel, two more dense layers, softmax. A walk from the output back to the input meets the six
weight matrices in order, so the names that a converter gave them do not matter. The LSTM's gates
are identified by the operators on them. Kernels are `[outputs, inputs]`, like ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import AlphabetError
from coqui_stt_ctcdecoder.utf8_alphabet import restore_alphabet
from stt.frontends.mfcc_config import FeatureConfig
from stt.mapped_file import map_file
from stt.tflite.acoustic import metadata_bytes, metadata_language, metadata_number
from stt.tflite.graph import RELU, RELU6, Graph, Operator, Tensor, TensorType, TFLiteError
from stt.tflite.reader import read_graph

from ...errors import CheckpointError
from ...models.deepspeech.geometry import LAYERS
from ...models.deepspeech.weights import Float32, geometry_of, upstream_name
from ..source import SourceModel
from .tensorflow_directory import alphabet_beside

_NORM_OPERATORS = {"MEAN", "SQUARED_DIFFERENCE", "RSQRT"}
_ROWS_AT_A_TIME = 64
_GATES = ("input", "forget", "cell", "output")  # the order of our rows


@dataclass(frozen=True)
class _Layer:
    """One weight matrix in the graph.

    Attributes:
        uses: the FULLY_CONNECTED operators with this matrix: one, or one per frame for the LSTM.
        weights, bias: constant tensors.
        after: the operators between this layer and the next.
    """

    uses: list[Operator]
    weights: Tensor
    bias: Tensor
    after: list[Operator]


def load_tflite(path: Path) -> SourceModel:
    """Load an exported model.

    Raises:
        CheckpointError: the file is not a TFLite file, is damaged, or is not an export of a
            DeepSpeech graph.
    """
    try:
        content = map_file(path, writable=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror or error})") from None
    try:
        graph = read_graph(content)
        return _source_model(path, graph, len(content))
    except TFLiteError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _source_model(path: Path, graph: Graph, size_bytes: int) -> SourceModel:
    """Return a graph as a source model.

    Raises:
        TFLiteError: it is another kind of graph.
    """
    layers = dict(zip(LAYERS, _find_layers(graph), strict=True))
    stored: dict[str, Tensor] = {}
    for name, layer in layers.items():
        stored[f"{name}.weight"] = layer.weights
        stored[f"{name}.bias"] = layer.bias
        if name not in ("lstm", "layer_6"):
            stored |= _find_norm(graph, name, layer)
    shapes = {upstream_name(name): tensor.shape[::-1] for name, tensor in stored.items()}
    geometry = geometry_of(shapes, _clip_of_all(graph, layers), str(path))
    tensors = {name: tensor.real_array() for name, tensor in stored.items()}
    _split_lstm(tensors, _gate_order(graph, layers["lstm"]))
    alphabet, alphabet_note = _alphabet(graph, path, geometry.n_classes)
    notes = (_precision_note(stored), alphabet_note)
    return SourceModel(
        format="tflite",
        path=path,
        specification=geometry,
        tensors={name: tensors[name] for name in geometry.tensor_shapes()},
        alphabet=alphabet,
        features=_features(graph),
        notes=tuple(note for note in notes if note),
        details={
            "quantised": any(tensor.type != TensorType.FLOAT32 for tensor in stored.values()),
            "graph_version": _number(graph, "metadata_version"),
            "beam_width": _number(graph, "metadata_beam_width"),
            "language": metadata_language(graph),
            "size_bytes": size_bytes,
        },
    )


def _find_layers(graph: Graph) -> list[_Layer]:
    """Return the layers from the input to the output."""
    layers: list[_Layer] = []
    uses, after = _nearest_layer(graph, [graph.output("logits")], None)
    while uses and len(layers) <= len(LAYERS):
        constants = [_constants(graph, use) for use in uses]
        weights, bias = constants[0]
        if any(w is not weights or b is not bias for w, b in constants):
            raise TFLiteError(
                f"{weights.name!r} is one of several weight matrices side by side; "
                "this is another kind of graph"
            )
        layers.append(_Layer(uses, weights, bias, after))
        uses, after = _nearest_layer(graph, [use.inputs[0] for use in uses], weights)
    if len(layers) != len(LAYERS):
        raise TFLiteError(
            f"it has {len(layers)} layers between 'logits' and its input; a DeepSpeech "
            f"graph has {len(LAYERS)}"
        )
    return layers[::-1]


def _nearest_layer(
    graph: Graph, starts: list[int], through: Tensor | None
) -> tuple[list[Operator], list[Operator]]:
    """Return the operators of the nearest layer before some tensors, and the operators between.

    The walk goes through uses of the matrix `through`, as the LSTM's frames depend on each other.
    """
    found: dict[int, Operator] = {}  # by first output, in order
    passed: dict[int, Operator] = {}
    queue, seen = list(starts), set(starts)
    while queue:
        operator = graph.producers.get(queue.pop())
        if operator is None or operator.outputs[0] in passed or operator.outputs[0] in found:
            continue
        if operator.name == "FULLY_CONNECTED":
            weights = _constants(graph, operator)[0]
            if weights is not through:
                found[operator.outputs[0]] = operator
                continue
        passed[operator.outputs[0]] = operator
        fresh = [index for index in operator.inputs if index >= 0 and index not in seen]
        queue += fresh
        seen.update(fresh)
    return list(found.values()), list(passed.values())


def _constants(graph: Graph, operator: Operator) -> tuple[Tensor, Tensor]:
    """Return a layer's weights and bias."""
    weights, bias = (
        graph.constant(operator.inputs[at]) if len(operator.inputs) > at else None for at in (1, 2)
    )
    if weights is None or bias is None:
        raise TFLiteError(
            "a layer without constant weights and bias; this is another kind of graph"
        )
    if operator.options.get("weights_format"):
        raise TFLiteError(f"{weights.name!r} has shuffled weights; not supported")
    return weights, bias


def _find_norm(graph: Graph, name: str, layer: _Layer) -> dict[str, Tensor]:
    """Return the gain and bias of a dense layer's normalisation, or nothing if it has none.

    The gain is a factor of a MUL, the bias an operand of an ADD or SUB.
    """
    if not any(operator.name in _NORM_OPERATORS for operator in layer.after):
        return {}
    norm: dict[str, list[Tensor]] = {"weight": [], "bias": []}
    for operator in layer.after:
        role = {"MUL": "weight", "SUB": "bias", "ADD": "bias"}.get(operator.name)
        for index in operator.inputs if role else ():
            constant = graph.constant(index)
            if constant is not None and constant.shape == layer.bias.shape:
                norm[role or ""].append(constant)
    if [len(found) for found in norm.values()] != [1, 1]:
        raise TFLiteError(
            f"{name} is normalised, but its gain and bias cannot be told apart "
            f"({len(norm['weight'])} and {len(norm['bias'])} candidates); bootstrap from the "
            "TensorFlow checkpoint it was exported from"
        )
    return {f"{name}.norm.{role}": found[0] for role, found in norm.items()}


def _clip_of_all(graph: Graph, layers: dict[str, _Layer]) -> float:
    """Return the upper bound of the activations, which is the same in all dense layers."""
    clips = {
        _relu_clip(graph, name, layer)
        for name, layer in layers.items()
        if name not in ("lstm", "layer_6")
    }
    if len(clips) != 1:
        raise TFLiteError(f"layers with different upper bounds {sorted(clips)}")
    return clips.pop()


def _relu_clip(graph: Graph, name: str, layer: _Layer) -> float:
    """Return the upper bound of a dense layer's activation, min(relu(x), bound)."""
    activation = layer.uses[0].options.get("activation", 0)
    if activation == RELU6:
        return 6.0
    bounds = [
        constant.real_array()
        for operator in layer.after
        if operator.name == "MINIMUM"
        for constant in map(graph.constant, operator.inputs)
        if constant is not None
    ]
    has_relu = activation == RELU or any(operator.name == "RELU" for operator in layer.after)
    if not has_relu or len(bounds) != 1 or bounds[0].size != 1 or not bounds[0].item() > 0:
        raise TFLiteError(
            f"{name} is not followed by a clipped rectifier, min(relu(x), bound); "
            "this is another kind of graph"
        )
    return float(bounds[0].item())


def _gate_order(graph: Graph, lstm: _Layer) -> list[int]:
    """Return the quarters of the kernel's rows that are the input, forget, cell and output gate."""
    state = graph.input("previous_state_h")
    for use in lstm.uses:
        join = graph.producers.get(use.inputs[0])
        if join is not None and join.name == "CONCATENATION" and state in join.inputs[1:2]:
            gates = _gates(graph, use)
            if sorted(gates) == sorted(_GATES):
                return [gates[gate] for gate in _GATES]
    raise TFLiteError(
        "its recurrent layer is not an LSTM as upstream exports it; bootstrap from "
        "the TensorFlow checkpoint it was exported from"
    )


def _gates(graph: Graph, use: Operator) -> dict[str, int]:
    """Return the position of each gate in the split product; unclear gates are left out."""
    splits = graph.consumers.get(use.outputs[0], [])
    if len(splits) != 1 or splits[0].name != "SPLIT":
        return {}
    gates: dict[str, int] = {}
    for position, part in enumerate(splits[0].outputs):
        activations = graph.consumers.get(part, [])
        role = _gate_role(graph, splits[0], activations[0]) if len(activations) == 1 else None
        if role is not None:
            gates[role] = position
    return gates


def _gate_role(graph: Graph, split: Operator, activation: Operator) -> str | None:
    """Identify a gate by c' = s(forget) c + s(input) tanh(cell) and h' = s(output) tanh(c')."""
    if activation.name == "TANH":
        return "cell"
    products = graph.consumers.get(activation.outputs[0], [])
    if activation.name != "LOGISTIC" or len(products) != 1 or products[0].name != "MUL":
        return None
    factors = [graph.producers.get(index) for index in products[0].inputs]
    others = [factor for factor in factors if factor is not activation]
    if len(others) != 1:
        return None
    if others[0] is None or others[0].name != "TANH":
        return "forget"
    return "input" if others[0].inputs[0] in split.outputs else "output"


def _split_lstm(tensors: dict[str, Float32], order: list[int]) -> None:
    """Replace the LSTM's kernel by two views, for input and state, with gates in our order."""
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
    """Return a note on the quantisation error of the weights, or None if they are float32."""
    kinds = {tensor.type.name.lower() for tensor in stored.values()} - {"float32"}
    if not kinds:
        return None
    worst, error = "", 0.0
    for name, tensor in stored.items():
        step = max(tensor.scales, default=0.0)
        if tensor.type != TensorType.FLOAT32 and step / 2 >= error:
            worst, error = name, step / 2
    detail = f" by up to {error:.2g} (half a step, in {worst})" if error else ""
    return (
        f"Weights are stored as {' and '.join(sorted(kinds))}: each differs from the trained one"
        f"{detail}. The checkpoint it was exported from is a better start, where there "
        "is one."
    )


def _features(graph: Graph) -> FeatureConfig | None:
    sample_rate_hz = _number(graph, "metadata_sample_rate")
    if sample_rate_hz is None:
        return None
    values = {
        "window_milliseconds": _number(graph, "metadata_feature_win_len"),
        "step_milliseconds": _number(graph, "metadata_feature_win_step"),
    }
    try:
        known = {name: value for name, value in values.items() if value is not None}
        return FeatureConfig(sample_rate_hz, **known)
    except ValueError as error:
        raise TFLiteError(f"its metadata cannot be right: {error}") from None


def _alphabet(graph: Graph, path: Path, class_count: int) -> tuple[Alphabet | None, str | None]:
    if not graph.has_output("metadata_alphabet"):  # exports of DeepSpeech 0.6
        return alphabet_beside(path.parent, class_count)
    try:
        alphabet = restore_alphabet(metadata_bytes(graph, "metadata_alphabet"))
    except AlphabetError as error:
        raise TFLiteError(f"its alphabet is damaged: {error}") from None
    if alphabet.size + 1 != class_count:
        raise TFLiteError(
            f"its alphabet has {alphabet.size} labels and its output layer "
            f"{class_count} classes, which need {class_count - 1}; it is damaged"
        )
    return alphabet, None


def _number(graph: Graph, name: str) -> int | None:
    return metadata_number(graph, name) if graph.has_output(name) else None
