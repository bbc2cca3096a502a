"""`.onnx` files made to hang a runtime or fill its memory: refused before it opens them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import stt
from coqui_stt_training.models.deepspeech.geometry import Geometry
from stt_models import noise, random_deployment

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
onnx_writer = pytest.importorskip("coqui_stt_training.exporting.deepspeech.onnx_writer")
helper, numpy_helper = onnx.helper, onnx.numpy_helper
FLOAT = onnx.TensorProto.FLOAT


def export():
    return onnx_writer.streaming_model(random_deployment(n_hidden=8))


def write(folder: Path, model) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("quantized", [False, True])
def test_exports_pass(tmp_path: Path, quantized: bool) -> None:
    deployment = random_deployment(n_hidden=8)
    assert isinstance(deployment.geometry, Geometry)
    model = onnx_writer.streaming_model(deployment)
    path = write(tmp_path, onnx_writer.quantize(model) if quantized else model)
    assert isinstance(stt.Model(path).stt(noise(0.5)), str)


def loop(model) -> None:
    """Loop 2**40 times in one operator."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["still"]),
         helper.make_node("Add", ["x", "x"], ["y"])],
        "body",
        [helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
         helper.make_tensor_value_info("go_on", onnx.TensorProto.BOOL, []),
         helper.make_tensor_value_info("x", FLOAT, [1, 8])],
        [helper.make_tensor_value_info("still", onnx.TensorProto.BOOL, []),
         helper.make_tensor_value_info("y", FLOAT, [1, 8])],
    )  # fmt: skip
    model.graph.initializer.append(numpy_helper.from_array(np.int64(2**40), "count"))
    node = helper.make_node("Loop", ["count", "", "previous_state_c"], ["looped"], body=body)
    model.graph.node.insert(0, node)


def expand(model) -> None:
    """Expand one number to 9 GB."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([48, 48, 1024, 1024]), "large"))
    model.graph.node.append(helper.make_node("Expand", ["clip_low", "large"], ["huge"]))


def outer_sum(model) -> None:
    """Make a gigabyte of two small tensors, with an operator that real exports use."""
    sizes = [(1 << 14, 1), (1, 1 << 14)]
    for name, shape in zip("ab", sizes, strict=True):
        array = np.zeros(shape, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    model.graph.node.append(helper.make_node("Add", ["a", "b"], ["sum"]))


def many_matrices(model) -> None:
    """Use the same matrix many times; runtimes copy it for each use."""
    for n in range(50):
        model.graph.node.append(
            helper.make_node("MatMul", ["windows", "layer_1.weight"], [f"copy_{n}"])
        )


def weights_elsewhere(model) -> None:
    weight = model.graph.initializer[4]
    onnx.external_data_helper.set_external_data(weight, "/etc/passwd")
    weight.ClearField("raw_data")


def own_operator(model) -> None:
    model.opset_import.append(helper.make_opsetid("mine", 1))
    model.graph.node.append(helper.make_node("Run", ["windows"], ["ran"], domain="mine"))


def function(model) -> None:
    model.functions.append(
        helper.make_function("mine", "F", ["x"], ["y"], [], [helper.make_opsetid("", 17)])
    )


def sparse(model) -> None:
    model.graph.sparse_initializer.append(onnx.SparseTensorProto(dims=[1 << 30]))


def wide_state(model) -> None:
    for value in [*model.graph.input[1:], *model.graph.output[1:]]:
        value.type.tensor_type.shape.dim[1].dim_value = 1 << 30


def symbolic(model) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "steps"


def short_weight(model) -> None:
    model.graph.initializer[4].dims[0] = 1 << 30


def late(model) -> None:
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))


def cast_to_text(model) -> None:
    node = helper.make_node("Cast", ["windows"], ["text"], to=onnx.TensorProto.STRING)
    model.graph.node.append(node)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (loop, "which no export of ours has"),
        (expand, "operator 'Expand'"),
        (outer_sum, "computes far more"),
        (many_matrices, "is used twice"),
        (weights_elsewhere, "which no export of ours has"),
        (own_operator, "operator set 'mine'"),
        (function, "field 25"),
        (sparse, "field 15"),
        (wide_state, "computes far more|its inputs do not fit|cannot become"),
        (symbolic, "is none"),
        (short_weight, "is not of"),
        (late, "before it is made"),
        (cast_to_text, "something else than float32"),
    ],
)
def test_what_no_export_has_is_refused_at_once(
    tmp_path: Path, change: Callable[..., None], message: str
) -> None:
    model = export()
    change(model)
    path = write(tmp_path, model)
    started = time.process_time()
    with pytest.raises(stt.ModelError, match=message) as caught:
        stt.Model(path)
    assert time.process_time() - started < 1
    assert str(path) in str(caught.value)


def test_other_graphs_of_an_export_are_told_apart(tmp_path: Path) -> None:
    path = write(tmp_path, onnx_writer.batch_model(random_deployment(n_hidden=8)))
    with pytest.raises(stt.ModelError, match="is the batch graph of an export; give the streaming"):
        stt.Model(path)
