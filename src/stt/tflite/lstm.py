"""Fuses the unrolled LSTM of a `.tflite` model into one operator.

In exported graphs an LSTM of 16 steps is two hundred operators. `fuse_lstm` replaces them by one
operator, `LSTM`, which only our own engine has:

    x [steps, 1, H], h [1, H], c [1, H], W_x, W_h, bias   ->   h of each step [1, H] ..., c [1, H]

`W_x` and `W_h` are the halves of the matrix `[4H, 2H]` by which the graph multiplies `[x; h]`. The
gates are in TensorFlow's order i, j, f, o:

    c = logistic(f) c + logistic(i) tanh(j),   h = logistic(o) tanh(c)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .graph import Graph, Operator
from .split import LstmStep, find_steps, halves

LSTM = "LSTM"


@dataclass(frozen=True)
class _Cell:
    """The part of a step after its matrix product: positions of operators, and tensors."""

    operators: frozenset[int]
    c_before: int
    c: int
    h: int


def fuse_lstm(graph: Graph) -> Graph:
    """Return the graph with its LSTM as one operator, or the same graph if no LSTM is found.

    Args:
        graph: result of `acoustic_graph`.
    """
    steps = sorted(find_steps(graph), key=lambda step: step.row)
    if len(steps) < 2 or [step.row for step in steps] != list(range(len(steps))):
        return graph
    search = _Search(graph)
    cells = [search.cell(step) for step in steps]
    found = [cell for cell in cells if cell is not None]
    if len(found) < len(cells) or not _are_a_chain(steps, found):
        return graph
    if any(search.uses(cell.c) != 2 for cell in found[:-1]):  # by this step and the next
        return graph
    return _fused(search, steps, found)


class _Search:
    """Follows tensors through a graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._uses = Counter(index for operator in graph.operators for index in operator.inputs)
        self._uses.update(graph.outputs)

    def cell(self, step: LstmStep) -> _Cell | None:
        """Return the cell that follows the product of a step, or None if it is not an LSTM."""
        try:
            return self._cell(step)
        except LookupError:
            return None

    def _cell(self, step: LstmStep) -> _Cell:
        (product,) = self.graph.operators[step.product].outputs
        split = self._consumer("SPLIT", product, uses=1)
        outputs = self.graph.operators[split].outputs
        i, j, f, o = outputs if len(outputs) == 4 else (-1,) * 4
        positions = [split]
        gates = []
        for name, gate in (("LOGISTIC", i), ("TANH", j), ("LOGISTIC", f), ("LOGISTIC", o)):
            positions.append(self._consumer(name, gate, uses=1))
            gates.append(self.output_of(positions[-1]))
        new, kept = (self._consumer("MUL", gates[n], uses=1) for n in (0, 2))
        c_before = self._other(kept, gates[2])
        add = self._consumer("ADD", self.output_of(new), uses=1)
        c = self.output_of(add)
        tanh = self._consumer("TANH", c)
        last = self._consumer("MUL", gates[3], uses=1)
        for position, one, other in (
            (new, gates[0], gates[1]),
            (add, self.output_of(new), self.output_of(kept)),
            (last, gates[3], self.output_of(tanh)),
        ):
            if self._other(position, one) != other:
                raise LookupError
        if any(
            self._uses[index] != 1
            for index in (gates[1], self.output_of(kept), self.output_of(tanh))
        ):
            raise LookupError
        positions += [new, kept, add, tanh, last]
        return _Cell(frozenset(positions), c_before, c, self.output_of(last))

    def uses(self, tensor: int) -> int:
        """Number of uses of a tensor, as an input of operators or an output of the graph."""
        return self._uses[tensor]

    def _consumer(self, name: str, tensor: int, uses: int | None = None) -> int:
        """Return the position of the one operator of this name with `tensor` as an input.

        Raises:
            LookupError: there is not exactly one, or the tensor does not have `uses` uses.
        """
        found = [
            position
            for position, operator in enumerate(self.graph.operators)
            if operator.name == name
            and tensor in operator.inputs
            and not operator.options.get("activation")
        ]
        if len(found) != 1 or uses not in (None, self._uses[tensor]):
            raise LookupError
        return found[0]

    def output_of(self, position: int) -> int:
        """Return the first output of the operator at a position."""
        return self.graph.operators[position].outputs[0]

    def _other(self, position: int, tensor: int) -> int:
        """Return the other one of the two inputs of an operator."""
        one, other = self.graph.operators[position].inputs
        return other if one == tensor else one


def _are_a_chain(steps: Sequence[LstmStep], cells: Sequence[_Cell]) -> bool:
    """Whether each step takes the state of the one before it."""
    before = zip(cells, steps[1:], cells[1:], strict=False)
    return all(last.h == step.h and last.c == cell.c_before for last, step, cell in before)


def _fused(search: _Search, steps: Sequence[LstmStep], cells: Sequence[_Cell]) -> Graph:
    graph = search.graph
    first = steps[0]
    count = len(graph.tensors)
    lstm = Operator(
        LSTM,
        (first.x, first.h, cells[0].c_before, count, count + 1, first.bias),
        (*(cell.h for cell in cells), cells[-1].c),
    )
    # Once the first cell has run, all inputs of the new operator have been computed.
    place = max(cells[0].operators)
    removed = {position for cell in cells for position in cell.operators}
    removed.update(position for step in steps for position in (step.join, step.product))
    removed.update(step.slice for step in steps if search.uses(search.output_of(step.slice)) == 1)

    def operators() -> Iterator[Operator]:
        for position, operator in enumerate(graph.operators):
            if position == place:
                yield lstm
            if position not in removed:
                yield operator

    return replace(
        graph, tensors=(*graph.tensors, *halves(graph, first)), operators=tuple(operators())
    )
