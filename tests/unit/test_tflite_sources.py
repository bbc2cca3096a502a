"""Exports of a layer-normalised graph by TensorFlow 1.15's converter, as source models."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import numpy_graph
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.checkpoints.loading import load_source
from stt.frontends.mfcc_config import FeatureConfig
from stt.tflite.graph import Tensor, TensorType
from stt.tflite.reader import read_graph
from stt.tflite.writer import write_graph

FIXTURE = Path(__file__).parents[1] / "data/tensorflow_1_15"


@pytest.mark.parametrize(("kind", "logit_tolerance"), [("int8", 0.2), ("float16", 0.02)])
def test_layer_normalised_export(kind: str, logit_tolerance: float) -> None:
    truth = np.load(FIXTURE / "truth.npz")
    trained = load_source(FIXTURE, with_adam=True)
    source = load_source(FIXTURE / f"{kind}.tflite")
    assert source.specification == trained.specification
    assert source.features == FeatureConfig(16000, 32, 20)
    assert source.alphabet == Alphabet.from_labels("abcde")
    assert any(f"stored as {kind}" in note for note in source.notes)
    for name, expected in trained.tensors.items():
        largest = np.abs(expected).max()
        error = np.abs(source.tensors[name] - expected).max()
        assert error <= largest / (200 if kind == "int8" else 2000), name
    # The logits show errors in normalisation: exchanged or missing gains and biases are far off.
    logits = numpy_graph.logits(source.tensors, source.specification, truth["x"])
    assert np.abs(logits - truth["logits"]).max() <= logit_tolerance


def test_integers_around_another_zero_are_the_same_weights(tmp_path: Path) -> None:
    """Older converters store uint8 with zero point 128."""
    graph = read_graph((FIXTURE / "int8.tflite").read_bytes())

    def shifted(tensor: Tensor) -> Tensor:
        if tensor.type != TensorType.INT8:
            return tensor
        integers = (tensor.array().astype(np.int16) + 128).astype(np.uint8)
        return replace(tensor, type=TensorType.UINT8, data=integers.tobytes(), zero_points=(128,))

    file = tmp_path / "uint8.tflite"
    file.write_bytes(write_graph(replace(graph, tensors=tuple(map(shifted, graph.tensors)))))
    found, expected = load_source(file), load_source(FIXTURE / "int8.tflite")
    assert any("stored as uint8" in note for note in found.notes)
    for name, tensor in expected.tensors.items():
        np.testing.assert_array_equal(found.tensors[name], tensor, err_msg=name)


def test_only_export_of_a_directory_is_taken(tmp_path: Path) -> None:
    shutil.copy(FIXTURE / "int8.tflite", tmp_path)
    (tmp_path / "notes.md").write_text("a model card")
    assert load_source(tmp_path, with_adam=True).path == tmp_path / "int8.tflite"
