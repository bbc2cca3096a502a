"""Construction of `.onnx` graphs, node by node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"  # ONNX Runtime's own operators
# Operator set version -> matching version of ONNX's intermediate representation.
_IR_VERSIONS = {17: 8, 20: 9}

Shape = Sequence[int | str]


def onnx_gates(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reorder the gates of an LSTM from i, f, g, o to ONNX's i, o, f, g."""
    i, f, g, o = np.split(rows, 4)
    return np.concatenate([i, o, f, g])


class GraphBuilder:
    """A graph under construction. Methods return names of values.

    A node has the name of its first output.
    """

    def __init__(self) -> None:
        self._names = Counter[str]()
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: int, shape: Shape) -> str:
        """Add an input and return its name."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, list(shape)))
        return name

    def output(self, name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> None:
        """Make a value an output of the graph."""
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def constant(self, name: str, values: Any) -> str:
        """Add a constant and return its name; a constant of the same name is replaced."""
        array = np.ascontiguousarray(values)
        self._initializers[name] = numpy_helper.from_array(array, name)
        return name

    def integers(self, *values: int) -> str:
        """Add a constant int64 vector and return its name; equal vectors share one constant."""
        return self.constant("i" + "_".join(map(str, values)), np.array(values, np.int64))

    def apply(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        self.apply_many(operator, inputs, [output], **attributes)
        return output

    def apply_many(
        self, operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any
    ) -> None:
        """Add a node with several outputs of these names."""
        node = helper.make_node(operator, inputs, outputs, name=outputs[0], **attributes)
        self._nodes.append(node)

    def emit(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, named after the operator, and return the output's name."""
        return self.emit_many(operator, 1, *inputs, **attributes)[0]

    def emit_many(self, operator: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a node with `count` outputs, named after the operator, and return their names."""
        self._names[operator] += 1
        name = f"{operator}_{self._names[operator]}"
        outputs = [name, *(f"{name}_{number}" for number in range(2, count + 1))]
        self.apply_many(operator, inputs, outputs, **attributes)
        return outputs

    def reshape(self, source: str, shape: Sequence[int], output: str) -> str:
        """Add a node that reshapes a value, and return the output's name."""
        return self.apply("Reshape", [source, self.integers(*shape)], output)

    def model(self, name: str, properties: dict[str, str], opset: int) -> onnx.ModelProto:
        """Return the finished model, checked.

        Args:
            name: name of the graph.
            properties: metadata of the model.
            opset: version of the operator set.
        """
        opsets = [helper.make_opsetid("", opset)]
        if any(node.domain == MICROSOFT for node in self._nodes):
            opsets.append(helper.make_opsetid(MICROSOFT, 1))
        graph = helper.make_graph(
            self._nodes, name, self._inputs, self._outputs, list(self._initializers.values())
        )
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=_IR_VERSIONS[opset], producer_name="coqui-stt"
        )
        helper.set_model_props(model, properties)
        onnx.checker.check_model(model, full_check=True)
        return model
