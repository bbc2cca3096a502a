"""Checks that an `.onnx` file is a streaming encoder like those of our exports.

Such a model takes states of fixed shapes, and features of any length. The graph is checked for the
smallest and the largest number of frames that a runtime passes to it, with the operators and rules
of encoders of whole clips.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .graph import OnnxError, OnnxGraph
from .utterance import OPSETS, RULES, named
from .walk import GraphLimits, GraphWalk, check_opsets

INPUT, OUTPUT = "features", "probabilities"
_STATE, _NEW = "state_", "new_"
# 8 blocks of width 144 compute 2**24 elements and 2**29 products for 128 frames.
_LIMITS = GraphLimits(
    nodes=6000, computed_elements=1 << 29, living_elements=1 << 27, products=1 << 33
)
_PRODUCTS_PER_WEIGHT = 1 << 12
_MOST_STATE_ELEMENTS = 1 << 24  # 8 blocks of width 144 have 2**18


def check_chunked(
    graph: OnnxGraph, frame_counts: Iterable[int], values: int, reduction: int
) -> tuple[str, ...]:
    """Check that a graph computes probabilities and new states from features and states.

    Args:
        graph: graph of the file.
        frame_counts: numbers of input frames to check, including the smallest and the largest.
        values: number of values of an input frame.
        reduction: number of input frames for one output frame.

    Returns:
        The names of the input states. The name of an output state has the prefix `new_`.

    Raises:
        OnnxError: inputs, outputs, operators or shapes differ from those of our exports, or the
            graph computes too much.
    """
    check_opsets(graph, OPSETS)
    states = _checked_states(graph, values)
    limits = _LIMITS.with_weights(graph, _PRODUCTS_PER_WEIGHT)
    classes = graph.outputs[OUTPUT][1]
    for frames in frame_counts:
        walk = GraphWalk(graph, RULES, limits, {**graph.inputs, INPUT: (frames, values)})
        walk.run()
        # `_checked_states` checked that states have the same shapes as inputs and outputs.
        expected = {**graph.outputs, OUTPUT: (frames // reduction, classes)}
        for name, shape in expected.items():
            if walk.shapes.get(name) != shape:
                raise OnnxError(
                    f"of {frames} frames it makes {name} of the shape "
                    f"{list(walk.shapes.get(name, ()))}, and {list(shape)} is needed"
                )
    return states


def new_name(state: str) -> str:
    """Return the name of the output for a state."""
    return _NEW + state


def _checked_states(graph: OnnxGraph, values: int) -> tuple[str, ...]:
    """Return the names of the states, whose inputs and outputs must have the same shapes."""
    inputs, outputs = dict(graph.inputs), dict(graph.outputs)
    features, probabilities = inputs.pop(INPUT, ()), outputs.pop(OUTPUT, ())
    if features != (0, values) or len(probabilities) != 2 or not probabilities[1]:
        raise OnnxError(
            f"it leads from {named(graph.inputs)} to {named(graph.outputs)}; from {INPUT} "
            f"[frames, {values}] to {OUTPUT} [frames, classes] is needed"
        )
    if outputs != {new_name(name): shape for name, shape in inputs.items()} or not all(
        name.startswith(_STATE) and 0 not in shape for name, shape in inputs.items()
    ):
        raise OnnxError(f"its states {named(inputs)} come out as {named(outputs)}")
    if sum(map(math.prod, inputs.values())) > _MOST_STATE_ELEMENTS:
        raise OnnxError("its states are larger than those of any model of chunks")
    return tuple(inputs)
