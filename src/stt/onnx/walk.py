"""Goes through a graph with shapes in place of values, and counts what it would compute."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from .graph import INT64, Constant, Node, OnnxError, OnnxGraph, Shape

MICROSOFT = "com.microsoft"  # ONNX Runtime's own operators
Kind = TypeVar("Kind", int, str, tuple[int, ...])
_FEW = 8  # whole numbers of a shape


@dataclass(frozen=True)
class GraphLimits:
    """What no export of ours reaches.

    Attributes:
        nodes: operators.
        computed_elements: of all values together.
        living_elements: of those that are needed at the same time.
        products: multiplications in matrices and convolutions.
    """

    nodes: int
    computed_elements: int
    living_elements: int
    products: int

    def with_weights(
        self, graph: OnnxGraph, products_each: int, computed_each: int = 0
    ) -> GraphLimits:
        """Return what a graph may make that may do so much more with each weight it holds."""
        weights = sum(math.prod(constant.shape) for constant in graph.constants.values())
        return replace(
            self,
            computed_elements=self.computed_elements + weights * computed_each,
            products=self.products + weights * products_each,
        )


def check_opsets(graph: OnnxGraph, known: Mapping[str, int]) -> None:
    """See that a graph has operators of the versions that our exports have.

    Raises:
        OnnxError: it has others.
    """
    for domain, version in graph.opsets.items():
        if known.get(domain) != version:
            raise OnnxError(
                f"it uses version {version} of the operator set {domain or 'ai.onnx'!r}"
            )


class GraphWalk:
    """The shapes of all values, those values that are shapes themselves, and what was counted.

    Args:
        graph: where to go.
        rules: what operators may be there, and what they make, by domain and name.
        limits: how much they may make.
        inputs: the shapes of what goes in.

    Raises:
        OnnxError: an input has the name of a weight, or the graph more nodes than are allowed.
    """

    def __init__(
        self,
        graph: OnnxGraph,
        rules: Mapping[tuple[str, str], Rule],
        limits: GraphLimits,
        inputs: Mapping[str, Shape],
    ) -> None:
        if len(graph.nodes) > limits.nodes:
            raise OnnxError(
                f"the graph has {len(graph.nodes)} nodes; no export of ours has as many"
            )
        self._graph, self._rules, self._limits = graph, rules, limits
        self.constants = graph.constants
        self.shapes: dict[str, Shape] = {
            **{name: constant.shape for name, constant in graph.constants.items()},
            **inputs,
        }
        if len(self.shapes) < len(graph.constants) + len(inputs):
            raise OnnxError("an input has the name of a weight")
        self.numbers: dict[str, tuple[int, ...]] = {}
        self._computed = self._living = sum(map(math.prod, inputs.values()))
        self._products = 0
        self._matrices: set[str] = set()
        self._last_use = {name: node for node in graph.nodes for name in node.inputs}

    def run(self) -> None:
        """Go through all nodes.

        Raises:
            OnnxError: one is not as in our exports, or they compute more than is allowed.
        """
        for node in self._graph.nodes:
            self._run(node)

    def _run(self, node: Node) -> None:
        rule = self._rules.get((node.domain, node.operator))
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
        except (ValueError, IndexError, KeyError, TypeError, ArithmeticError) as error:
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
            self._living += math.prod(shape)
        self._check_amounts()
        self._forget(node)

    def _check_amounts(self) -> None:
        limits = self._limits
        if (
            self._computed > limits.computed_elements
            or self._living > limits.living_elements
            or self._products > limits.products
        ):
            raise OnnxError("the graph computes far more than any acoustic model")

    def _forget(self, node: Node) -> None:
        """Count no longer as living what no node after this one uses."""
        for name in {*node.inputs, *node.outputs}:
            used_later = self._last_use.get(name, node) is not node
            if name and not used_later and name not in self.constants:
                self._living -= math.prod(self.shapes[name])

    def shape(self, node: Node, index: int) -> Shape:
        """Return the shape of an input that must be there."""
        return self.shapes[node.inputs[index]]

    def integers(self, node: Node, index: int) -> tuple[int, ...]:
        """Return the elements of an input that must be a few numbers known beforehand."""
        name = node.inputs[index]
        return self.numbers[name] if name in self.numbers else self.constants[name].integers()

    def known(self, node: Node) -> list[tuple[int, ...]] | None:
        """Return the elements of all inputs, where all are a few whole numbers known beforehand."""
        return (
            [self.integers(node, i) for i in range(len(node.inputs))] if self._few(node) else None
        )

    def _few(self, node: Node) -> bool:
        return all(
            name in self.numbers or _is_few(self.constants.get(name)) for name in node.inputs
        )

    def attribute(self, node: Node, name: str, default: Kind) -> Kind:
        """Return an attribute of the default's type.

        Raises:
            OnnxError: it is of another.
        """
        value = node.attributes.get(name, default)
        if not isinstance(value, type(default)):
            raise OnnxError(f"its attribute {name!r} is {value!r:.40}")
        return value

    def matrix(self, node: Node, index: int, rows: int) -> Constant:
        """Return a matrix that is multiplied with so many rows. Runtimes copy it for each use."""
        constant = self.constants[node.inputs[index]]
        self.count(rows * math.prod(constant.shape))
        self.use(constant)
        return constant

    def use(self, constant: Constant) -> None:
        """Note that runtimes make something of a constant and keep it.

        Raises:
            OnnxError: they did before.
        """
        if constant.name in self._matrices:
            raise OnnxError(f"the matrix {constant.name!r} is used twice")
        self._matrices.add(constant.name)

    def count(self, products: int) -> None:
        """Take so many products into account."""
        self._products += products


def _is_few(constant: Constant | None) -> bool:
    return (
        constant is not None
        and constant.type == INT64
        and len(constant.shape) == 1
        and constant.shape[0] <= _FEW
    )


def squeezed(walk: GraphWalk, node: Node) -> list[Shape]:
    """Return the shape without the axes that `Squeeze` takes away, which must be of size 1."""
    source = walk.shape(node, 0)
    axes = {range(len(source))[axis] for axis in walk.integers(node, 1)}
    if any(source[axis] != 1 for axis in axes):
        raise OnnxError(f"{list(source)} cannot lose its axes {sorted(axes)}")
    return [tuple(size for axis, size in enumerate(source) if axis not in axes)]


@dataclass(frozen=True)
class Rule:
    """What an operator may be given, and what it makes of it.

    Attributes:
        shapes: from the walk and a node to the shapes of its outputs.
        most_inputs: how many it has.
        attributes: the names of those that it may have.
    """

    shapes: Callable[[GraphWalk, Node], Sequence[Shape]]
    most_inputs: int
    attributes: frozenset[str] = frozenset()
