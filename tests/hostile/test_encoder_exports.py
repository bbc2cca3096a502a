"""Exported encoders changed to hang a runtime or fill its memory: refused before they are run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import stt
from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.exporting.encoder.deployment import EncoderDeployment
from coqui_stt_training.models.acoustic_model import build
from coqui_stt_training.models.encoder import EncoderSpecification
from coqui_stt_training.models.tensors import weights_of
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder
from coqui_stt_training.models.whisper.specification import WhisperEncoder

from .test_onnx_files import write

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
onnx_writer = pytest.importorskip("coqui_stt_training.exporting.encoder.onnx_writer")

helper, numpy_helper = onnx.helper, onnx.numpy_helper

WHISPER = WhisperEncoder(
    n_classes=4, mel_channels=8, width=8, attention_heads=2, blocks=1, positions=100
)
WAVLM = Wav2Vec2Encoder(
    n_classes=4, channels=(4,), kernels=(400,), strides=(320,), width=8, attention_heads=2,
    blocks=1, mlp_width=8, position_kernel=4, position_groups=2, relative_buckets=8,
    relative_distance=12,
)  # fmt: skip


def export(specification: EncoderSpecification = WHISPER):
    model = build(specification)
    model.initialize(1)
    described = EncoderDeployment(specification, weights_of(model), Alphabet.from_labels("abc"))
    return onnx_writer.encoder_model(described, "float32")


@pytest.mark.parametrize("specification", [WHISPER, WAVLM])
def test_exports_pass(tmp_path: Path, specification: EncoderSpecification) -> None:
    model = stt.Model(write(tmp_path, export(specification)))
    assert isinstance(model.stt(np.zeros(8000, np.int16)), str)


def add(model, operator: str, inputs: list[str], *outputs: str, **attributes) -> None:
    model.graph.node.append(helper.make_node(operator, inputs, list(outputs), **attributes))


def constant(model, name: str, values) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return name


def expand(model) -> None:
    """Repeat the samples until they take gigabytes."""
    constant(model, "large", np.array([1 << 15, 1]))
    add(model, "Expand", ["samples", "large"], "huge")


def every_sample_with_every_other(model) -> None:
    constant(model, "column", np.array([-1, 1]))
    add(model, "Reshape", ["samples", "column"], "turned")
    add(model, "Mul", ["turned", "samples"], "square")


def many_padded(model) -> None:
    """Keep five tensors of half a gigabyte each alive at once."""
    constant(model, "pads", np.array([0, 1 << 27]))
    for number in range(5):
        add(model, "Pad", ["samples", "pads"], f"padded_{number}")
    for number in range(5):
        add(model, "Relu", [f"padded_{number}"], f"again_{number}")


def many_products(model) -> None:
    constant(model, "column", np.array([-1, 1]))
    constant(model, "row", np.array([1, -1]))
    add(model, "Reshape", ["samples", "column"], "turned")
    add(model, "Reshape", ["samples", "row"], "lying")
    constant(model, "wide", np.zeros((1, 1 << 13), np.float32))
    add(model, "MatMul", ["turned", "wide"], "outer")
    for number in range(200):
        add(model, "MatMul", ["lying", "outer"], f"row_{number}")


def largest_in_the_middle(model) -> None:
    """Make a tensor that is small for few and for many samples, but huge in between."""
    add(model, "Shape", ["samples"], "count")
    constant(model, "all", np.array([32000]))
    constant(model, "one", np.array([1]))
    add(model, "Sub", ["all", "count"], "rest_or_none")
    constant(model, "eight", np.array([8]))
    add(model, "Mul", ["rest_or_none", "eight"], "eightfold")
    add(model, "Max", ["eightfold", "one"], "rest")
    add(model, "Concat", ["rest", "one"], "shape", axis=0)
    add(model, "Expand", ["samples", "shape"], "product")


def weights_alone(model) -> None:
    constant(model, "a", np.zeros((1 << 12, 1), np.float32))
    constant(model, "b", np.zeros((1, 1 << 12), np.float32))
    add(model, "Add", ["a", "b"], "folded")


def one_matrix_often(model) -> None:
    product = next(node for node in model.graph.node if "output.weight" in node.input)
    add(model, "MatMul", list(product.input), "copy")


def long_loop(model) -> None:
    body = helper.make_graph([], "body", [], [])
    add(model, "Loop", ["", ""], "looped", body=body)


def text(model) -> None:
    add(model, "Cast", ["samples"], "text", to=onnx.TensorProto.STRING)


def no_frames(model) -> None:
    next(node for node in model.graph.node if node.op_type == "Softmax" and node.output[0] ==
         "probabilities").output[0] = "elsewhere"  # fmt: skip


def odd_order(model) -> None:
    next(node for node in model.graph.node if node.op_type == "Transpose").attribute[0].ints[0] = 9


def nothing_divided(model) -> None:
    add(model, "Shape", ["samples"], "count")
    add(model, "Div", ["count", constant(model, "zero", np.array([0]))], "none")


@pytest.mark.parametrize(
    "change",
    [
        expand, every_sample_with_every_other, many_padded, many_products, largest_in_the_middle,
        weights_alone, one_matrix_often, long_loop, text, no_frames, odd_order, nothing_divided,
    ],
)  # fmt: skip
def test_what_no_export_has_is_refused_at_once(tmp_path: Path, change: Callable[..., None]) -> None:
    model = export()
    change(model)
    path = write(tmp_path, model)
    started = time.process_time()
    with pytest.raises(stt.ModelError) as caught:
        stt.Model(path)
    assert time.process_time() - started < 2
    assert str(path) in str(caught.value)
    assert "ONNX Runtime" not in str(caught.value)
