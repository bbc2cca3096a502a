"""Checks that an `.onnx` file is an encoder of whole clips like those of our exports.

Shapes depend on the number of samples, so the graph is checked for several numbers, from the
smallest to the largest that a runtime passes to it. It may have only the operators of our exports,
no control flow, consistent shapes, and a limited amount of computation. The limit grows with the
number of weights, so that a small file cannot require hours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from .graph import DOUBLE, FLOAT, FLOAT16, Node, OnnxError, OnnxGraph, Shape
from .walk import MICROSOFT, GraphLimits, GraphWalk, Rule, check_opsets, squeezed

INPUT, OUTPUT = "samples", "probabilities"

OPSETS = {"": 20, MICROSOFT: 1}  # Microsoft's is only in quantised models
_NUMBERS_OF_SAMPLES = 4  # for which the graph is checked
# For 30 s, an encoder of 300 million weights has 2**27 living elements, mostly of its attention. A
# weight of a convolution over samples is multiplied by 50,000 rows.
_LIMITS = GraphLimits(
    nodes=6000, computed_elements=1 << 31, living_elements=1 << 29, products=1 << 34
)
_ELEMENTS_PER_WEIGHT, _PRODUCTS_PER_WEIGHT = 1 << 8, 1 << 16


def check_utterance(graph: OnnxGraph, fewest_samples: int, most_samples: int) -> dict[int, Shape]:
    """Check that a graph computes probabilities from samples like those of our exports.

    Args:
        graph: graph of the file.
        fewest_samples: smallest number of samples of a clip.
        most_samples: largest number of samples of a clip.

    Returns:
        Number of samples -> shape `[frames, classes]` of the output, for several numbers.

    Raises:
        OnnxError: inputs, outputs, operators or shapes differ, or the graph computes too much.
    """
    check_opsets(graph, OPSETS)
    inputs, outputs = dict(graph.inputs), dict(graph.outputs)
    if inputs != {INPUT: (0,)} or [*outputs] != [OUTPUT] or len(outputs[OUTPUT]) != 2:
        raise OnnxError(
            f"it leads from {named(inputs)} to {named(outputs)}; from {INPUT} [samples] to "
            f"{OUTPUT} [frames, classes] is needed"
        )
    limits = _LIMITS.with_weights(graph, _PRODUCTS_PER_WEIGHT, _ELEMENTS_PER_WEIGHT)
    made: dict[int, Shape] = {}
    for samples in np.linspace(most_samples, fewest_samples, _NUMBERS_OF_SAMPLES, dtype=int):
        walk = GraphWalk(graph, RULES, limits, {INPUT: (int(samples),)})
        walk.run()
        shape = walk.shapes.get(OUTPUT, ())
        if len(shape) != 2 or shape[1] != outputs[OUTPUT][1] or not shape[0]:
            raise OnnxError(f"of {samples} samples it makes {OUTPUT} of the shape {list(shape)}")
        made[int(samples)] = shape
    return made


def named(shapes: Mapping[str, Shape]) -> str:
    """Return the first names and shapes as text for messages."""
    return ", ".join(f"{name} {list(shape)}" for name, shape in [*shapes.items()][:8]) or "nothing"


def _computed_from(walk: GraphWalk, node: Node) -> None:
    """Check that a node depends on the audio; runtimes keep values of weights alone forever."""
    if all(name in walk.constants for name in node.inputs if name):
        raise OnnxError("it is computed of weights alone")


def _list(walk: GraphWalk, node: Node, name: str, length: int, value: int = 0) -> Shape:
    """Return an attribute that is a list of integers; by default `length` times `value`."""
    default: Shape = (value,) * length
    return walk.attribute(node, name, default)


def _same(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    return [walk.shape(node, 0)]


def _normalised(walk: GraphWalk, node: Node) -> list[Shape]:
    """Layer normalisation over the last axis, or instance normalisation of channels (axis 1)."""
    source = walk.shape(node, 0)
    axis = -1 if node.operator == "LayerNormalization" else 1
    if any(walk.shape(node, index) != (source[axis],) for index in (1, 2)):
        raise OnnxError("its weights do not fit")
    if axis == -1 and walk.attribute(node, "axis", -1) != -1:
        raise OnnxError("it is not over the last axis")
    return _same(walk, node)


_ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a // b,
    "Max": max,
}


def _elementwise(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    known = walk.known(node)
    if known is not None:
        operation = _ARITHMETIC[node.operator]
        walk.numbers[node.outputs[0]] = tuple(
            operation(a, b) for a, b in zip(known[0], known[1], strict=True)
        )
    return [np.broadcast_shapes(walk.shape(node, 0), walk.shape(node, 1))]


def _cast(walk: GraphWalk, node: Node) -> list[Shape]:
    constant = walk.constants.get(node.inputs[0])
    if constant is not None:
        if constant.type != FLOAT16:
            raise OnnxError("it is computed of weights alone")
        walk.use(constant)
    if node.attributes.get("to") not in (FLOAT, DOUBLE):
        raise OnnxError("it makes something else than floats")
    return [walk.shape(node, 0)]


def _concat(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    shapes = [walk.shape(node, index) for index in range(len(node.inputs))]
    axis = range(len(shapes[0]))[walk.attribute(node, "axis", 0)]
    if len({(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}) != 1:
        raise OnnxError("its inputs do not fit")
    known = walk.known(node)
    if known is not None:
        walk.numbers[node.outputs[0]] = sum(known, ())
    size = sum(shape[axis] for shape in shapes)
    return [(*shapes[0][:axis], size, *shapes[0][axis + 1 :])]


def _shape(walk: GraphWalk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    start = walk.attribute(node, "start", 0)
    sizes = source[start : walk.attribute(node, "end", len(source))]
    walk.numbers[node.outputs[0]] = sizes
    return [(len(sizes),)]


def _slice(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    source = walk.shape(node, 0)
    starts, ends = walk.integers(node, 1), walk.integers(node, 2)
    axes = walk.integers(node, 3) if node.inputs[3:] else tuple(range(len(starts)))
    steps = walk.integers(node, 4) if node.inputs[4:] else (1,) * len(starts)
    sizes = list(source)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        sizes[axis] = len(range(*slice(start, end, step).indices(source[axis])))
    if 0 in sizes:
        raise OnnxError(f"nothing is left of {list(source)}")
    return [tuple(sizes)]


def _reshape(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    source = walk.shape(node, 0)
    sizes = [size or source[axis] for axis, size in enumerate(walk.integers(node, 1))]
    if -1 in sizes:
        sizes[sizes.index(-1)] = math.prod(source) // -math.prod(sizes)
    if min(sizes, default=1) < 1 or math.prod(sizes) != math.prod(source):
        raise OnnxError(f"{list(source)} cannot become {sizes}")
    return [tuple(sizes)]


def _expand(walk: GraphWalk, node: Node) -> list[Shape]:
    return [np.broadcast_shapes(walk.shape(node, 0), walk.integers(node, 1))]


def _pad(walk: GraphWalk, node: Node) -> list[Shape]:
    source, pads = walk.shape(node, 0), walk.integers(node, 1)
    if len(pads) != 2 * len(source) or min(pads) < 0:
        raise OnnxError(f"{list(source)} with {list(pads)} around it")
    before, after = pads[: len(source)], pads[len(source) :]
    return [tuple(map(sum, zip(source, before, after, strict=True)))]


def _unsqueeze(walk: GraphWalk, node: Node) -> list[Shape]:
    source, axes = list(walk.shape(node, 0)), walk.integers(node, 1)
    for axis in sorted(axes):
        if not 0 <= axis <= len(source):
            raise OnnxError(f"{source} gets no axis {axis}")
        source.insert(axis, 1)
    return [tuple(source)]


def _transpose(walk: GraphWalk, node: Node) -> list[Shape]:
    source, order = walk.shape(node, 0), _list(walk, node, "perm", 0)
    if sorted(order) != list(range(len(source))):
        raise OnnxError(f"{list(source)} in the order {list(order)}")
    return [tuple(source[axis] for axis in order)]


def _split(walk: GraphWalk, node: Node) -> list[Shape]:
    source, parts = list(walk.shape(node, 0)), walk.attribute(node, "num_outputs", 0)
    axis = walk.attribute(node, "axis", 0)
    if parts != len(node.outputs) or source[axis] % parts:
        raise OnnxError(f"{source} in {parts} parts")
    source[axis] //= parts
    return [tuple(source)] * parts


def _reduce(walk: GraphWalk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    if walk.attribute(node, "keepdims", 0) != 1:
        raise OnnxError("it drops axes")
    axes = walk.integers(node, 1) if node.inputs[1:] else range(len(source))
    reduced = {range(len(source))[axis] for axis in axes}
    return [tuple(1 if axis in reduced else size for axis, size in enumerate(source))]


def _gather(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    source, indices = walk.shape(node, 0), walk.shape(node, 1)
    axis = range(len(source))[walk.attribute(node, "axis", 0)]
    return [(*source[:axis], *indices, *source[axis + 1 :])]


def _matmul(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    left, right = walk.shape(node, 0), walk.shape(node, 1)
    if min(len(left), len(right)) < 2 or left[-1] != right[-2]:
        raise OnnxError(f"a product of {list(left)} and {list(right)}")
    stack = np.broadcast_shapes(left[:-2], right[:-2])
    walk.count(math.prod(stack) * left[-2] * left[-1] * right[-1])
    for name in node.inputs:
        if name in walk.constants:
            walk.use(walk.constants[name])
    return [(*stack, left[-2], right[-1])]


def _integer_product(walk: GraphWalk, node: Node) -> list[Shape]:
    source = walk.shape(node, 0)
    width, columns = walk.matrix(node, 1, rows=math.prod(source[:-1])).shape
    if source[-1] != width or any(walk.shapes[name] != () for name in node.inputs[2:]):
        raise OnnxError(f"an input of shape {list(source)} for a matrix of {width} rows")
    return [(*source[:-1], columns)]


def _quantized(walk: GraphWalk, node: Node) -> list[Shape]:
    _computed_from(walk, node)
    return [walk.shape(node, 0), (), ()]


def _convolution(walk: GraphWalk, node: Node) -> list[Shape]:
    batch, channels, *sizes = walk.shape(node, 0)
    weight = walk.constants.get(node.inputs[1])
    outputs, of_group, *kernel = walk.shape(node, 1)
    groups = walk.attribute(node, "group", 1)
    strides = _list(walk, node, "strides", len(sizes), 1)
    pads = _list(walk, node, "pads", 2 * len(sizes))
    biases = [walk.shapes[name] for name in node.inputs[2:]]
    if (
        _list(walk, node, "kernel_shape", 0) != tuple(kernel)
        or not len(sizes) == len(kernel) == len(strides) == len(pads) / 2
        or batch != 1
        or groups < 1
        or channels != of_group * groups
        or outputs % groups
        or biases not in ([], [(outputs,)])
        or min(*strides, *(pad + 1 for pad in pads)) < 1
    ):
        raise OnnxError("its weights do not fit")
    before, behind = pads[: len(sizes)], pads[len(sizes) :]
    made = [
        (size + first + last - width) // stride + 1
        for size, first, last, width, stride in zip(
            sizes, before, behind, kernel, strides, strict=True
        )
    ]
    if min(made) < 1:
        raise OnnxError(f"too few values, {sizes}, for a kernel of {kernel}")
    walk.count(math.prod(made) * outputs * of_group * math.prod(kernel))
    if weight is not None:
        walk.use(weight)
    return [(1, outputs, *made)]


def _lstm(walk: GraphWalk, node: Node) -> list[Shape]:
    steps, batch, width = walk.shape(node, 0)
    hidden = walk.attribute(node, "hidden_size", 0)
    two_ways = walk.attribute(node, "direction", "forward") == "bidirectional"
    ways, gates = 2 if two_ways else 1, 4 * hidden
    quantised = node.operator == "DynamicQuantizeLSTM"
    of_input, of_state = (walk.shape(node, index) for index in (1, 2))
    expected = [(ways, width, gates), (ways, hidden, gates)] if quantised else [
        (ways, gates, width), (ways, gates, hidden)
    ]  # fmt: skip
    parameters = [walk.shapes[name] for name in node.inputs[8:]]
    if (
        batch != 1
        or [of_input, of_state] != expected
        or walk.shape(node, 3) != (ways, 8 * hidden)
        or any(node.inputs[4:8])
        or parameters != [(ways, gates)] * (4 if quantised else 0)
    ):
        raise OnnxError("its weights do not fit each other")
    walk.count(steps * (math.prod(of_input) + math.prod(of_state)))
    for name in node.inputs[1:3]:
        if name in walk.constants:
            walk.use(walk.constants[name])
    state = (ways, batch, hidden)
    return [(steps, ways, batch, hidden), state, state]


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


_LSTM_ATTRIBUTES = _names("hidden_size", "direction")
RULES: Mapping[tuple[str, str], Rule] = {
    **{("", name): Rule(_elementwise, 2) for name in _ARITHMETIC},
    **{("", name): Rule(_same, 1) for name in ("Abs", "Gelu", "Log", "Relu", "Sigmoid", "Sqrt")},
    **{
        ("", name): Rule(_reduce, 2, _names("keepdims"))
        for name in ("ReduceMax", "ReduceMean", "ReduceSum")
    },
    ("", "Cast"): Rule(_cast, 1, _names("to")),
    ("", "Concat"): Rule(_concat, 1 << 14, _names("axis")),
    ("", "Conv"): Rule(_convolution, 3, _names("kernel_shape", "strides", "pads", "group")),
    ("", "DynamicQuantizeLinear"): Rule(_quantized, 1),
    ("", "Expand"): Rule(_expand, 2),
    ("", "Gather"): Rule(_gather, 2, _names("axis")),
    ("", "InstanceNormalization"): Rule(_normalised, 3, _names("epsilon")),
    ("", "LSTM"): Rule(_lstm, 4, _LSTM_ATTRIBUTES),
    ("", "LayerNormalization"): Rule(_normalised, 3, _names("axis", "epsilon")),
    ("", "MatMul"): Rule(_matmul, 2),
    ("", "MatMulInteger"): Rule(_integer_product, 3),
    ("", "Pad"): Rule(_pad, 2),
    ("", "Reshape"): Rule(_reshape, 2),
    ("", "Shape"): Rule(_shape, 1, _names("start", "end")),
    ("", "Slice"): Rule(_slice, 5),
    ("", "Softmax"): Rule(_same, 1, _names("axis")),
    ("", "Split"): Rule(_split, 1, _names("axis", "num_outputs")),
    ("", "Squeeze"): Rule(squeezed, 2),
    ("", "Transpose"): Rule(_transpose, 1, _names("perm")),
    ("", "Unsqueeze"): Rule(_unsqueeze, 2),
    (MICROSOFT, "DynamicQuantizeLSTM"): Rule(_lstm, 12, _LSTM_ATTRIBUTES),
}
