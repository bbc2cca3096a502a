"""Rewrites the LSTM of a `.tflite` model to read half of its weights once for all steps.

Exported graphs unroll the LSTM: each of 16 steps multiplies `[x; h]` by the same matrix `[4H, 2H]`,
34 million weights with 2048 units, which takes nearly all the time of a model. But x does not
depend on h. So here `x` of all steps is multiplied by its half of the matrix at once, and each step
multiplies only `h`:

    W [x_t; h] + b   =   (W_x x)_t + (W_h h + b)

The halves are views of the matrix, not copies. LiteRT has all operators of the new graph; for our
own engine, `lstm.py` fuses the whole LSTM.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .graph import Graph, Operator, Tensor, TensorType


@dataclass(frozen=True)
class LstmStep:
    """One step of an unrolled LSTM: positions of its operators, and indices of its tensors.

    Attributes:
        join: position of the operator that concatenates x and h.
        product: position of the operator that multiplies `[x; h]` by the matrix.
        slice: position of the operator that takes a row of x.
        row: number of this row.
        x: tensor with x of all steps.
        h: tensor with h of the step before.
        weights: tensor with the matrix.
        bias: tensor with the bias.
    """

    join: int
    product: int
    slice: int
    row: int
    x: int
    h: int
    weights: int
    bias: int


def split_recurrence(graph: Graph) -> Graph:
    """Return the graph with its recurrent product split, or the same graph if it has none.

    An int8 graph is not changed either: its operators quantise x and h together. Splitting would
    save no time anyway, as LiteRT multiplies int8 row by row.

    Args:
        graph: result of `acoustic_graph`.
    """
    steps = find_steps(graph)
    if len(steps) < 2 or graph.tensors[steps[0].weights].type == TensorType.INT8:
        return graph
    return _Rewriter(graph, steps).rewrite()


def find_steps(graph: Graph) -> list[LstmStep]:
    """Return the steps of an LSTM: products of the same matrix with rows of the same x, and h."""
    maker = {index: n for n, operator in enumerate(graph.operators) for index in operator.outputs}
    uses = Counter(index for operator in graph.operators for index in operator.inputs)
    found: dict[tuple[int, int, int], list[LstmStep]] = {}
    for position, operator in enumerate(graph.operators):
        if operator.name != "FULLY_CONNECTED" or len(operator.inputs) != 3:
            continue
        join_at = maker.get(operator.inputs[0], -1)
        join = graph.operators[join_at] if join_at >= 0 else operator
        if join.name != "CONCATENATION" or len(join.inputs) != 2 or join.options.get("axis") != 1:
            continue
        slice_at = maker.get(join.inputs[0], -1)
        taken = graph.operators[slice_at] if slice_at >= 0 else operator
        row = _row(graph, taken)
        if row is None or uses[join.outputs[0]] != 1 or operator.options.get("activation"):
            continue
        x, h, (weights, bias) = taken.inputs[0], join.inputs[1], operator.inputs[1:]
        step = LstmStep(join_at, position, slice_at, row, x, h, weights, bias)
        found.setdefault((x, weights, bias), []).append(step)
    return max(found.values(), key=len, default=[])


def halves(graph: Graph, step: LstmStep) -> tuple[Tensor, Tensor]:
    """Return the weights of x and of h: views of the matrix of a step, not copies."""
    matrix = graph.tensors[step.weights]
    weights: Any = matrix.array()
    width = graph.tensors[step.x].shape[-1]
    x_weights, h_weights = (
        replace(matrix, name=f"lstm/{name}/weights", shape=half.shape, data=memoryview(half))
        for name, half in (("x", weights[:, :width]), ("h", weights[:, width:]))
    )
    return x_weights, h_weights


def _row(graph: Graph, operator: Operator) -> int | None:
    """Return the row `[1, H]` of `[steps, 1, H]` that an operator slices; None if it does not."""
    if operator.name != "STRIDED_SLICE":
        return None
    source, begin = graph.tensors[operator.inputs[0]], graph.tensors[operator.inputs[1]]
    result = graph.tensors[operator.outputs[0]]
    masks = {name: value for name, value in operator.options.items() if value}
    if (
        len(source.shape) != 3
        or source.shape[1] != 1
        or result.shape != (1, source.shape[2])
        or masks != {"begin_mask": 6, "end_mask": 6, "shrink_axis_mask": 1}
        or begin.data is None
    ):
        return None
    return int(begin.array().reshape(-1)[0])


class _Rewriter:
    """Builds the new graph: tensors are appended, operators replaced."""

    def __init__(self, graph: Graph, steps: Sequence[LstmStep]) -> None:
        self._graph = graph
        self._steps = steps
        self._tensors = list(graph.tensors)
        first = steps[0]
        self._bias = first.bias
        self._fully_connected = graph.operators[first.product]
        self._x = first.x
        self._count = graph.tensors[self._x].shape[0]

    def rewrite(self) -> Graph:
        x_weights, h_weights = map(self._append, halves(self._graph, self._steps[0]))
        before, products = self._multiply(x_weights, h_weights)
        replaced: dict[int, list[Operator]] = {}
        for step, operators in zip(self._steps, products, strict=True):
            replaced[step.join] = []
            replaced[step.product] = operators
        first_slice = min(step.slice for step in self._steps)
        replaced[first_slice] = [before, self._graph.operators[first_slice]]
        operators = [
            new
            for position, operator in enumerate(self._graph.operators)
            for new in replaced.get(position, [operator])
        ]
        return replace(self._graph, tensors=tuple(self._tensors), operators=tuple(operators))

    def _multiply(self, x_weights: int, h_weights: int) -> tuple[Operator, list[list[Operator]]]:
        rows = self._tensors[x_weights].shape[0]
        of_all_x = self._tensor("x/products", (self._count, rows))
        before = replace(
            self._fully_connected, inputs=(self._x, x_weights, -1), outputs=(of_all_x,)
        )
        products = []
        for step in self._steps:
            outputs = self._graph.operators[step.product].outputs
            of_h = self._tensor(f"{step.row}/h_product", (1, rows))
            of_x, take = self._take_row(f"{step.row}/x_product", of_all_x, step.row, rows)
            inputs = (step.h, h_weights, self._bias)
            multiply = replace(self._fully_connected, inputs=inputs, outputs=(of_h,))
            products.append([multiply, take, Operator("ADD", (of_h, of_x), outputs)])
        return before, products

    def _take_row(self, name: str, source: int, row: int, width: int) -> tuple[int, Operator]:
        result = self._tensor(name, (1, width))
        bounds = [
            self._integers(f"{name}/{part}", values)
            for part, values in (
                ("begin", [row, 0]),
                ("end", [row + 1, width]),
                ("strides", [1, 1]),
            )
        ]
        return result, Operator("STRIDED_SLICE", (source, *bounds), (result,))

    def _integers(self, name: str, values: Sequence[int]) -> int:
        content = np.array(values, np.int32).tobytes()
        return self._append(Tensor(f"split/{name}", TensorType.INT32, (len(values),), content))

    def _tensor(self, name: str, shape: tuple[int, ...]) -> int:
        return self._append(Tensor(f"split/{name}", TensorType.FLOAT32, shape))

    def _append(self, tensor: Tensor) -> int:
        self._tensors.append(tensor)
        return len(self._tensors) - 1
