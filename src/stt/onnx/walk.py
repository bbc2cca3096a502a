"""Shape inference through a graph, with counts of the values and products to be computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from .graph import INT64, Constant, Node, OnnxError, OnnxGraph, Shape

MICROSOFT = "com.microsoft"  # domain of ONNX Runtime's own operators
Kind = TypeVar("Kind", int, str, tuple[int, ...])
_FEW = 8  # most integers of a value that is a shape or index


@dataclass(frozen=True)
class GraphLimits:
    """Limits that no export of ours reaches.

    Attributes:
        nodes: number of nodes.
        computed_elements: number of elements of all values.
        living_elements: number of elements of the values that are needed at the same time.
        products: number of multiplications in matrix products and convolutions.
    """

    nodes: int
    computed_elements: int
    living_elements: int
    products: int

    def with_weights(
        self, graph: OnnxGraph, products_each: int, computed_each: int = 0
    ) -> GraphLimits:
        """Return higher limits for a graph, in proportion to its number of weights.

        Args:
            graph: the graph with the weights.
            products_each: additional products for each weight.
            computed_each: additional elements for each weight.
        """
        weights = sum(math.prod(constant.shape) for constant in graph.constants.values())
        return replace(
            self,
            computed_elements=self.computed_elements + weights * computed_each,
            products=self.products + weights * products_each,
        )


def check_opsets(graph: OnnxGraph, known: Mapping[str, int]) -> None:
    """Check that a graph uses the operator sets of our exports.

    Args:
        graph: graph to check.
        known: domain -> version of the operator set.

    Raises:
        OnnxError: a domain or version is another one.
    """
    for domain, version in graph.opsets.items():
        if known.get(domain) != version:
            raise OnnxError(
                f"it uses version {version} of the operator set {domain or 'ai.onnx'!r}"
            )


class GraphWalk:
    """Infers the shapes of all values, and those values that are themselves used as shapes.

    Args:
        graph: graph to walk through.
        rules: allowed operators by domain and name.
        limits: limits on the computation.
        inputs: shapes of the inputs.

    Raises:
        OnnxError: an input has the name of a weight, or the graph has too many nodes.
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
        """Walk through all nodes.

        Raises:
            OnnxError: a node is not like those of our exports, or a limit is exceeded.
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
        """Stop counting the values as living that no node after this one uses."""
        for name in {*node.inputs, *node.outputs}:
            used_later = self._last_use.get(name, node) is not node
            if name and not used_later and name not in self.constants:
                self._living -= math.prod(self.shapes[name])

    def shape(self, node: Node, index: int) -> Shape:
        """Return the shape of a required input."""
        return self.shapes[node.inputs[index]]

    def integers(self, node: Node, index: int) -> tuple[int, ...]:
        """Return the elements of an input that must be a few integers, known without running."""
        name = node.inputs[index]
        return self.numbers[name] if name in self.numbers else self.constants[name].integers()

    def known(self, node: Node) -> list[tuple[int, ...]] | None:
        """Return the elements of all inputs if all are a few known integers, else None."""
        return (
            [self.integers(node, i) for i in range(len(node.inputs))] if self._few(node) else None
        )

    def _few(self, node: Node) -> bool:
        return all(
            name in self.numbers or _is_few(self.constants.get(name)) for name in node.inputs
        )

    def attribute(self, node: Node, name: str, default: Kind) -> Kind:
        """Return an attribute, or its default.

        Raises:
            OnnxError: the type of the attribute is not that of the default.
        """
        value = node.attributes.get(name, default)
        if not isinstance(value, type(default)):
            raise OnnxError(f"its attribute {name!r} is {value!r:.40}")
        return value

    def matrix(self, node: Node, index: int, rows: int) -> Constant:
        """Return an input that is a constant matrix; count its products with `rows` rows."""
        constant = self.constants[node.inputs[index]]
        self.count(rows * math.prod(constant.shape))
        self.use(constant)
        return constant

    def use(self, constant: Constant) -> None:
        """Record the use of a weight, of which runtimes make and keep a copy for each use.

        Raises:
            OnnxError: the weight has been used before.
        """
        if constant.name in self._matrices:
            raise OnnxError(f"the matrix {constant.name!r} is used twice")
        self._matrices.add(constant.name)

    def count(self, products: int) -> None:
        """Add to the number of products."""
        self._products += products


def _is_few(constant: Constant | None) -> bool:
    return (
        constant is not None
        and constant.type == INT64
        and len(constant.shape) == 1
        and constant.shape[0] <= _FEW
    )


def squeezed(walk: GraphWalk, node: Node) -> list[Shape]:
    """Return the shape after `Squeeze`; the removed axes must be of size 1."""
    source = walk.shape(node, 0)
    axes = {range(len(source))[axis] for axis in walk.integers(node, 1)}
    if any(source[axis] != 1 for axis in axes):
        raise OnnxError(f"{list(source)} cannot lose its axes {sorted(axes)}")
    return [tuple(size for axis, size in enumerate(source) if axis not in axes)]


@dataclass(frozen=True)
class Rule:
    """The rule for an operator: its allowed inputs and attributes, and its output shapes.

    Attributes:
        shapes: function from the walk and a node to the shapes of the node's outputs.
        most_inputs: highest number of inputs.
        attributes: names of the allowed attributes.
    """

    shapes: Callable[[GraphWalk, Node], Sequence[Shape]]
    most_inputs: int
    attributes: frozenset[str] = frozenset()
