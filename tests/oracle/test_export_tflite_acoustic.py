"""Upstream's exports, reduced to their acoustic graph, give libstt's probabilities."""

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from export_support import (
    LITERT_TOLERANCE,
    ORACLE,
    genuine,
    litert_step,
    needs_oracle,
    runtime_features,
    stream,
)
from stt.tflite.acoustic import INPUTS, OUTPUTS, acoustic_only, read_metadata
from stt.tflite.reader import read_graph
from stt.tflite.writer import write_graph

pytestmark = needs_oracle

MODELS = ("cpu_n64_float", "cpu_n64_quant", "bytes_n64_quant")


@pytest.mark.parametrize("clip", ["LDC93S1", "newhome"])
@pytest.mark.parametrize("model", MODELS)
def test_probabilities_are_those_of_libstt(model, clip):
    pytest.importorskip("ai_edge_litert", reason="the [litert] extra is not installed")
    name, _, kind = model.rpartition("_")
    step = litert_step(acoustic_only(genuine(model)))
    found = stream(step, runtime_features(f"{clip}.wav"), n_hidden=64)
    expected = np.load(ORACLE / "libstt" / f"probs_{name}.npz")[f"{kind}__{clip}"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=LITERT_TOLERANCE[kind])
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).all()


@pytest.mark.parametrize("model", MODELS)
def test_only_the_acoustic_graph_is_left(model):
    graph = read_graph(acoustic_only(genuine(model)))
    assert tuple(graph.tensors[index].name for index in graph.inputs) == INPUTS
    assert tuple(graph.tensors[index].name for index in graph.outputs) == OUTPUTS
    assert not any(operator.is_custom for operator in graph.operators)


@pytest.mark.parametrize("model", MODELS)
def test_metadata(model):
    metadata = read_metadata(genuine(model))
    assert (metadata.version, metadata.sample_rate_hz, metadata.beam_width) == (6, 16000, 500)
    assert (metadata.window_milliseconds, metadata.step_milliseconds) == (32, 20)
    assert metadata.language == "en-Latn-US"
    alphabet = UTF8Alphabet() if model.startswith("bytes") else Alphabet()
    alphabet.deserialize(metadata.alphabet)
    assert alphabet.size == (255 if model.startswith("bytes") else 28)


@pytest.mark.parametrize("model", MODELS)
def test_what_is_read_can_be_written_and_read_again(model):
    graph = read_graph(genuine(model))
    again = read_graph(write_graph(graph))
    assert again == graph
