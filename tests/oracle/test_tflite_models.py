"""Upstream's exports as source models, compared with its checkpoints and with libstt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import numpy_graph
from coqui_stt_ctcdecoder import UTF8Alphabet
from coqui_stt_training.checkpoints.loading import load_source
from stt.frontends.mfcc import Mfcc
from stt.frontends.mfcc_config import FeatureConfig
from stt.tflite.reader import read_graph

ORACLE = Path(__file__).parents[2] / "../shared/oracle/tf"
MODELS = ORACLE / "tflite"
NAMES = ("cpu_n64_float", "cpu_n64_quant", "bytes_n64_quant")

pytestmark = pytest.mark.skipif(
    not MODELS.is_dir(), reason="upstream's exports (shared/oracle/tf/tflite) are not here"
)


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_the_checkpoints_to_half_a_quantisation_step(name: str) -> None:
    source = load_source(MODELS / f"{name}.tflite")
    trained = load_source(ORACLE / "ckpt" / name.rsplit("_", 1)[0], "best")
    assert source.format == "tflite"
    assert source.specification == trained.specification
    assert source.alphabet == trained.alphabet
    assert source.features == trained.features
    assert source.adam is None
    for tensor_name, expected in trained.tensors.items():
        tensor = source.tensors[tensor_name]
        assert tensor.dtype == np.float32
        if name.endswith("float") or "bias" in tensor_name:
            np.testing.assert_array_equal(tensor, expected, err_msg=tensor_name)
            continue
        # The LSTM's two matrices are one kernel in the file, with one scale.
        alike = [k for k in trained.tensors if k.startswith(tensor_name[:11])]
        scale = max(np.abs(trained.tensors[k]).max() for k in alike) / 127
        assert np.abs(tensor - expected).max() <= 0.501 * scale, tensor_name


@pytest.mark.parametrize(("name", "kinds"), [("cpu_n64_float", set()), ("cpu_n64_quant", {"int8"})])
def test_notes_say_what_precision_was_lost(name: str, kinds: set[str]) -> None:
    source = load_source(MODELS / f"{name}.tflite")
    assert source.details["quantised"] == bool(kinds)
    notes = [note for note in source.notes if "stored as" in note]
    assert len(notes) == len(kinds)
    for note, kind in zip(notes, kinds, strict=True):
        assert kind in note
        assert "0.0027" in note  # half of layer_5's scale of 0.0054
        assert "layer_5" in note


def test_metadata() -> None:
    source = load_source(MODELS / "cpu_n64_quant.tflite")
    assert source.features == FeatureConfig(16000, 32, 20)
    assert source.alphabet is not None
    assert source.alphabet.labels[:3] == (" ", "a", "b")
    assert source.details["language"] == "en-Latn-US"
    assert source.details["graph_version"] == 6
    assert source.details["beam_width"] == 500
    assert isinstance(load_source(MODELS / "bytes_n64_quant.tflite").alphabet, UTF8Alphabet)


@pytest.mark.parametrize("name", ["cpu_n64_float", "cpu_n64_quant"])
def test_every_tensor_and_operator_is_what_the_dump_lists(name: str) -> None:
    dump = json.loads((MODELS / f"{name}.dump.json").read_text())
    graph = read_graph((MODELS / f"{name}.tflite").read_bytes())
    assert len(graph.tensors) == len(dump["tensors"])
    for tensor, expected in zip(graph.tensors, dump["tensors"], strict=True):
        assert tensor.name == expected["name"]
        assert tensor.type.name == expected["type"]
        assert list(tensor.shape) == expected["shape"]
        assert len(tensor.data or b"") == expected["const_bytes"]
        assert list(tensor.scales) == expected.get("quant", {}).get("scale", [])
    for operator, expected in zip(graph.operators, dump["operators"], strict=True):
        assert operator.name == expected["op"]
        assert list(operator.inputs) == expected["inputs"]
        assert list(operator.outputs) == expected["outputs"]


@pytest.mark.parametrize("model", ["cpu_n64", "bytes_n64"])
@pytest.mark.parametrize("clip", ["LDC93S1", "newhome"])
@pytest.mark.parametrize(("kind", "tolerance"), [("float", 1e-5), ("quant", 0.25)])
def test_probabilities_are_libstts(model: str, clip: str, kind: str, tolerance: float) -> None:
    """With int8 models, libstt also rounds activations to 8 bits, so some frames differ visibly."""
    path = MODELS / f"{model}_{kind}.tflite"
    if not path.exists():
        pytest.skip(f"upstream's {path.name} is not here")
    reference = np.load(ORACLE / f"refs/{model}__{clip}.npz")["samples"]
    config = FeatureConfig()
    samples = reference.astype(np.float32) / 32768
    end = config.sample_count(config.frame_count(len(samples)) + 1)
    mfcc = Mfcc(config)(np.pad(samples, (0, max(0, end - len(samples))))[:end])
    source = load_source(path, with_adam=True)
    inputs = numpy_graph.windows(mfcc, source.specification.n_context)
    logits = numpy_graph.logits(source.tensors, source.specification, inputs)
    ours = np.exp(logits - logits.max(axis=-1, keepdims=True))
    ours /= ours.sum(axis=-1, keepdims=True)
    theirs = np.load(ORACLE / f"libstt/probs_{model}.npz")[f"{kind}__{clip}"]
    difference = np.abs(ours - theirs)
    assert difference.max() <= tolerance
    assert difference.mean() <= tolerance / 100
    assert (ours.argmax(axis=-1) == theirs.argmax(axis=-1)).mean() > 0.97
