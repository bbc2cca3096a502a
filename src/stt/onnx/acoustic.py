"""Checks that an `.onnx` file is a streaming acoustic model like those of our exports.

A runtime runs any graph, including endless loops and tensors of gigabytes. So a graph may have only
the operators of our exports, consistent shapes, and an amount of computation that the largest
models do not reach.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .graph import FLOAT, Node, OnnxError, OnnxGraph, Shape
from .walk import MICROSOFT, GraphLimits, GraphWalk, Rule, check_opsets, squeezed

INPUTS = ("input_node", "previous_state_c", "previous_state_h")
OUTPUTS = ("logits", "new_state_c", "new_state_h")

_OPSETS = {"": 17, MICROSOFT: 1}  # Microsoft's is only in quantised models
_LIMITS = GraphLimits(
    nodes=1000,
    computed_elements=1 << 24,  # a model of 16 steps and 2048 units has 2**19
    living_elements=1 << 24,
    products=1 << 34,  # the same model has 2**30
)


def check_acoustic(graph: OnnxGraph) -> None:
    """Check that a graph computes `OUTPUTS` from `INPUTS` like those of our exports.

    Raises:
        OnnxError: inputs, outputs, operators or shapes differ, or the graph computes too much.
    """
    check_opsets(graph, _OPSETS)
    _check_interface(graph)
    walk = GraphWalk(graph, _RULES, _LIMITS, graph.inputs)
    walk.run()
    for name, shape in graph.outputs.items():
        if walk.shapes.get(name) != shape:
            raise OnnxError(
                f"the output {name!r} is said to be {list(shape)}, and is not: "
                f"{walk.shapes.get(name, 'nothing makes it')}"
            )


def _check_interface(graph: OnnxGraph) -> None:
    for found, expected, what in (
        (graph.inputs, INPUTS, "inputs"),
        (graph.outputs, OUTPUTS, "outputs"),
    ):
        if set(found) != set(expected):
            names = ", ".join(list(found)[:16])
            raise OnnxError(f"its {what} are {names or 'none'}; they must be {', '.join(expected)}")
    for name, shape in [*graph.inputs.items(), *graph.outputs.items()]:
        if 0 in shape:
            raise OnnxError(f"{name!r} has a shape that depends on the audio, which is none here")
    features, *states = (graph.inputs[name] for name in INPUTS)
    logits, *new_states = (graph.outputs[name] for name in OUTPUTS)
    if len(features) != 4 or features[0] != 1:
        raise OnnxError(f"{INPUTS[0]} is {list(features)}; [1, steps, frames, 26] is needed")
    if len(logits) != 2 or logits[0] != features[1]:
        raise OnnxError(f"{OUTPUTS[0]} is {list(logits)}; [{features[1]}, classes] is needed")
    if len({*states, *new_states}) != 1 or len(states[0]) != 2 or states[0][0] != 1:
        raise OnnxError("the states that go in and out are not all of one shape [1, n_hidden]")


def _same(walk: GraphWalk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    # The other inputs are bounds, or parameters of the last axis.
    for index, name in enumerate(node.inputs[1:], 1):
        if name and walk.shape(node, index) not in ((), (1,), source[-1:]):
            raise OnnxError(f"{name!r} does not fit")
    return [source]


def _broadcast(walk: GraphWalk, node: Node) -> list[Shape]:
    return [np.broadcast_shapes(walk.shape(node, 0), walk.shape(node, 1))]


def _reshape(walk: GraphWalk, node: Node) -> list[Shape]:
    source, sizes = walk.shape(node, 0), walk.integers(node, 1)
    if min(sizes, default=1) < 1 or math.prod(sizes) != math.prod(source):
        raise OnnxError(f"{list(source)} cannot become {list(sizes)}")
    return [sizes]


def _product(walk: GraphWalk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    width, columns = walk.matrix(node, 1, rows=math.prod(source[:-1])).shape
    zero_points = [walk.shapes[name] for name in node.inputs[2:] if name]
    if source[-1] != width or any(shape not in ((), (1,), (columns,)) for shape in zero_points):
        raise OnnxError(f"an input of shape {list(source)} for a matrix of {width} rows")
    return [(*source[:-1], columns)]


def _quantized(walk: GraphWalk, node: Node) -> list[Shape]:
    return [walk.shape(node, 0), (), ()]


def _cast(walk: GraphWalk, node: Node) -> list[Shape]:
    if node.attributes.get("to") != FLOAT:
        raise OnnxError("it makes something else than float32")
    return [walk.shape(node, 0)]


def _lstm(walk: GraphWalk, node: Node) -> list[Shape]:
    steps, batch, width = walk.shape(node, 0)
    hidden = node.attributes["hidden_size"]
    if not isinstance(hidden, int) or any(node.inputs[4:5]) or any(node.inputs[7:8]):
        raise OnnxError("it has lengths or peepholes")
    of_input = walk.matrix(node, 1, rows=steps * batch).shape
    of_state = walk.matrix(node, 2, rows=steps * batch).shape
    gates = 4 * hidden
    quantised = node.operator == "DynamicQuantizeLSTM"
    expected = [(1, width, gates), (1, hidden, gates)] if quantised else [
        (1, gates, width), (1, gates, hidden)
    ]  # fmt: skip
    state = (1, batch, hidden)
    states = [walk.shape(node, index) for index in (5, 6)]
    parameters = [walk.shapes[name] for name in node.inputs[8:] if name]
    if (
        [of_input, of_state] != expected
        or walk.shape(node, 3) != (1, 8 * hidden)
        or states != [state, state]
        or any(shape not in ((1,), (1, gates)) for shape in parameters)
    ):
        raise OnnxError("its weights do not fit each other")
    return [(steps, 1, batch, hidden), state, state]


_HIDDEN_SIZE = frozenset({"hidden_size"})
_RULES: Mapping[tuple[str, str], Rule] = {
    ("", "Add"): Rule(_broadcast, 2),
    ("", "Cast"): Rule(_cast, 1, frozenset({"to"})),
    ("", "Clip"): Rule(_same, 3),
    ("", "DynamicQuantizeLinear"): Rule(_quantized, 1),
    ("", "LSTM"): Rule(_lstm, 7, _HIDDEN_SIZE),
    ("", "LayerNormalization"): Rule(_same, 3, frozenset({"axis", "epsilon"})),
    ("", "MatMul"): Rule(_product, 2),
    ("", "MatMulInteger"): Rule(_product, 4),
    ("", "Mul"): Rule(_broadcast, 2),
    ("", "Reshape"): Rule(_reshape, 2),
    ("", "Softmax"): Rule(_same, 1, frozenset({"axis"})),
    ("", "Squeeze"): Rule(squeezed, 2),
    (MICROSOFT, "DynamicQuantizeLSTM"): Rule(_lstm, 12, _HIDDEN_SIZE),
}
