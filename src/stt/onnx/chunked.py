"""Whether an `.onnx` file is a model of chunks as we export them, and what it computes.

A model of chunks has inputs of fixed sizes, its states, and one that is as long as the audio there
is. The graph is gone through for the fewest and the most frames that a runtime gives it, with the
operators and rules of models of whole clips.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from .graph import OnnxError, OnnxGraph
from .utterance import OPSETS, RULES, named
from .walk import GraphLimits, GraphWalk, check_opsets

INPUT, OUTPUT = "features", "probabilities"
_STATE, _NEW = "state_", "new_"
# 8 blocks of width 144 over 128 frames have 2**24 elements in all, and 2**29 products.
_LIMITS = GraphLimits(
    nodes=6000, computed_elements=1 << 29, living_elements=1 << 27, products=1 << 33
)
_PRODUCTS_PER_WEIGHT = 1 << 12
_MOST_STATE_ELEMENTS = 1 << 24  # 8 blocks of width 144 have 2**18


def check_chunked(
    graph: OnnxGraph, frame_counts: Iterable[int], values: int, reduction: int
) -> tuple[str, ...]:
    """Check that a graph leads from features and states to probabilities and states.

    Args:
        graph: the file's.
        frame_counts: numbers of frames that it is given, the fewest and the most among them.
        values: of a frame.
        reduction: frames that become one of the output.

    Returns:
        The names of its states; each comes out under this name behind `new_`.

    Raises:
        OnnxError: it does not, or has operators, shapes or amounts that they have not.
    """
    check_opsets(graph, OPSETS)
    states = _checked_states(graph, values)
    limits = _LIMITS.with_weights(graph, _PRODUCTS_PER_WEIGHT)
    classes = graph.outputs[OUTPUT][1]
    for frames in frame_counts:
        walk = GraphWalk(graph, RULES, limits, {**graph.inputs, INPUT: (frames, values)})
        walk.run()
        # The states' shapes are those that they go in with: `_checked_states`.
        expected = {**graph.outputs, OUTPUT: (frames // reduction, classes)}
        for name, shape in expected.items():
            if walk.shapes.get(name) != shape:
                raise OnnxError(
                    f"of {frames} frames it makes {name} of the shape "
                    f"{list(walk.shapes.get(name, ()))}, and {list(shape)} is needed"
                )
    return states


def new_name(state: str) -> str:
    """Return the name under which a state comes out."""
    return _NEW + state


def _checked_states(graph: OnnxGraph, values: int) -> tuple[str, ...]:
    """Return the names of the states, which go in and out in the same shapes."""
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
