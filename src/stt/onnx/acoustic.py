"""Whether an `.onnx` file is an acoustic model as we export them, and how much it computes.

A runtime runs what a file says: loops without end, tensors of gigabytes. So only the operators of
our streaming graphs pass, with shapes that follow from each other, and in amounts that the largest
models stay far below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .graph import FLOAT, Constant, Node, OnnxError, OnnxGraph, Shape

INPUTS = ("input_node", "previous_state_c", "previous_state_h")
OUTPUTS = ("logits", "new_state_c", "new_state_h")

_OPSETS = {"": 17, "com.microsoft": 1}  # the second one of quantised models alone
_MOST_NODES = 1000
_MOST_COMPUTED_ELEMENTS = 1 << 24  # n_steps 16, n_hidden 2048 has 2**19
_MOST_PRODUCTS = 1 << 34  # that has 2**30


def check_acoustic(graph: OnnxGraph) -> None:
    """Check that a graph leads from `INPUTS` to `OUTPUTS`, as our exports do.

    Raises:
        OnnxError: it does not, or has operators, shapes or amounts that they have not.
    """
    for domain, version in graph.opsets.items():
        if _OPSETS.get(domain) != version:
            raise OnnxError(
                f"it uses version {version} of the operator set {domain or 'ai.onnx'!r}"
            )
    if len(graph.nodes) > _MOST_NODES:
        raise OnnxError(f"the graph has {len(graph.nodes)} nodes; no export of ours has as many")
    _check_interface(graph)
    walk = _Walk(graph)
    for node in graph.nodes:
        walk.run(node)
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
    features, *states = (graph.inputs[name] for name in INPUTS)
    logits, *new_states = (graph.outputs[name] for name in OUTPUTS)
    if len(features) != 4 or features[0] != 1:
        raise OnnxError(f"{INPUTS[0]} is {list(features)}; [1, steps, frames, 26] is needed")
    if len(logits) != 2 or logits[0] != features[1]:
        raise OnnxError(f"{OUTPUTS[0]} is {list(logits)}; [{features[1]}, classes] is needed")
    if len({*states, *new_states}) != 1 or len(states[0]) != 2 or states[0][0] != 1:
        raise OnnxError("the states that go in and out are not all of one shape [1, n_hidden]")


class _Walk:
    """Goes through the nodes, and keeps the shapes of all values and what has been counted."""

    def __init__(self, graph: OnnxGraph) -> None:
        self._constants = graph.constants
        self.shapes: dict[str, Shape] = {
            **{name: constant.shape for name, constant in graph.constants.items()},
            **graph.inputs,
        }
        if len(self.shapes) < len(graph.constants) + len(graph.inputs):
            raise OnnxError("an input has the name of a weight")
        self._computed = sum(map(math.prod, graph.inputs.values()))
        self._products = 0
        self._matrices: set[str] = set()

    def run(self, node: Node) -> None:
        rule = _RULES.get((node.domain, node.operator))
        if rule is None:
            raise OnnxError(f"it uses the operator {node.operator!r}, which no export of ours has")
        unknown = set(node.attributes) - rule.attributes
        if unknown or not node.outputs or len(node.inputs) > rule.most_inputs:
            raise OnnxError(f"its operator {node.operator} is used as in no export of ours")
        missing = [name for name in node.inputs if name and name not in self.shapes]
        if missing:
            raise OnnxError(f"operator {node.operator} uses {missing[0]!r} before it is made")
        try:
            made = rule.shapes(self, node)
        except (ValueError, IndexError, KeyError, TypeError) as error:
            reason = str(error) if isinstance(error, OnnxError) else "its inputs do not fit"
            raise OnnxError(
                f"operator {node.operator}, which makes {node.outputs[0]!r}: {reason}"
            ) from None
        if len(node.outputs) > len(made):
            raise OnnxError(f"operator {node.operator} makes {len(made)} values at most")
        for name, shape in zip(node.outputs, made, strict=False):
            if not name or name in self.shapes:
                raise OnnxError(f"the value {name!r} is made twice, or has no name")
            self.shapes[name] = shape
            self._computed += math.prod(shape)
        if self._computed > _MOST_COMPUTED_ELEMENTS or self._products > _MOST_PRODUCTS:
            raise OnnxError("the graph computes far more in a step than any acoustic model")

    def shape(self, node: Node, index: int) -> Shape:
        """Return the shape of an input that must be there."""
        return self.shapes[node.inputs[index]]

    def integers(self, node: Node, index: int) -> tuple[int, ...]:
        """Return the elements of an input that must be a small constant."""
        return self._constants[node.inputs[index]].integers()

    def matrix(self, node: Node, index: int, rows: int) -> Constant:
        """Return a matrix that is multiplied with so many rows. Runtimes copy it for each use."""
        constant = self._constants[node.inputs[index]]
        if constant.name in self._matrices:
            raise OnnxError(f"the matrix {constant.name!r} is used twice")
        self._matrices.add(constant.name)
        self._products += rows * math.prod(constant.shape)
        return constant


def _same(walk: _Walk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    for index, name in enumerate(node.inputs[1:], 1):  # bounds, or parameters of the last axis
        if name and walk.shape(node, index) not in ((), (1,), source[-1:]):
            raise OnnxError(f"{name!r} does not fit")
    return [source]


def _broadcast(walk: _Walk, node: Node) -> list[Shape]:
    return [np.broadcast_shapes(walk.shape(node, 0), walk.shape(node, 1))]


def _reshape(walk: _Walk, node: Node) -> list[Shape]:
    source, sizes = walk.shape(node, 0), walk.integers(node, 1)
    if min(sizes, default=1) < 1 or math.prod(sizes) != math.prod(source):
        raise OnnxError(f"{list(source)} cannot become {list(sizes)}")
    return [sizes]


def _squeeze(walk: _Walk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    axes = {range(len(source))[axis] for axis in walk.integers(node, 1)}
    if any(source[axis] != 1 for axis in axes):
        raise OnnxError(f"{list(source)} cannot lose its axes {sorted(axes)}")
    return [tuple(size for axis, size in enumerate(source) if axis not in axes)]


def _product(walk: _Walk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    width, columns = walk.matrix(node, 1, rows=math.prod(source[:-1])).shape
    zero_points = [walk.shapes[name] for name in node.inputs[2:] if name]
    if source[-1] != width or any(shape not in ((), (1,), (columns,)) for shape in zero_points):
        raise OnnxError(f"an input of shape {list(source)} for a matrix of {width} rows")
    return [(*source[:-1], columns)]


def _quantized(walk: _Walk, node: Node) -> list[Shape]:
    return [walk.shape(node, 0), (), ()]


def _cast(walk: _Walk, node: Node) -> list[Shape]:
    if node.attributes.get("to") != FLOAT:
        raise OnnxError("it makes something else than float32")
    return [walk.shape(node, 0)]


def _lstm(walk: _Walk, node: Node) -> list[Shape]:
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


@dataclass(frozen=True)
class _Rule:
    shapes: Callable[[_Walk, Node], Sequence[Shape]]
    most_inputs: int
    attributes: frozenset[str] = frozenset()


_MICROSOFT = "com.microsoft"
_HIDDEN_SIZE = frozenset({"hidden_size"})
_RULES: Mapping[tuple[str, str], _Rule] = {
    ("", "Add"): _Rule(_broadcast, 2),
    ("", "Cast"): _Rule(_cast, 1, frozenset({"to"})),
    ("", "Clip"): _Rule(_same, 3),
    ("", "DynamicQuantizeLinear"): _Rule(_quantized, 1),
    ("", "LSTM"): _Rule(_lstm, 7, _HIDDEN_SIZE),
    ("", "LayerNormalization"): _Rule(_same, 3, frozenset({"axis", "epsilon"})),
    ("", "MatMul"): _Rule(_product, 2),
    ("", "MatMulInteger"): _Rule(_product, 4),
    ("", "Mul"): _Rule(_broadcast, 2),
    ("", "Reshape"): _Rule(_reshape, 2),
    ("", "Softmax"): _Rule(_same, 1, frozenset({"axis"})),
    ("", "Squeeze"): _Rule(_squeeze, 2),
    (_MICROSOFT, "DynamicQuantizeLSTM"): _Rule(_lstm, 12, _HIDDEN_SIZE),
}
