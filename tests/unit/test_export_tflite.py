"""`.tflite` models of many shapes, run by LiteRT, equal the model in plain NumPy."""

import numpy as np
import pytest

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.errors import CheckpointError, FlagError
from coqui_stt_training.exporting.deepspeech.tflite_writer import (
    quantize_symmetrically,
    tflite_model,
)
from coqui_stt_training.models.deepspeech.geometry import Geometry
from export_support import litert_step, random_deployment, reference_probabilities, stream
from rounding import probability_tolerance
from stt.frontends.mfcc_config import FeatureConfig
from stt.tflite.acoustic import acoustic_only, read_metadata
from stt.tflite.graph import TensorType
from stt.tflite.reader import read_graph

SMALL = Geometry(n_hidden=24, n_classes=9)
SHAPES = {
    "plain": (SMALL, 16),
    "one step": (SMALL, 1),
    "many steps": (SMALL, 40),
    "layer norm": (Geometry(n_hidden=24, n_classes=9, layer_norm=True), 16),
    "bytes": (Geometry(n_hidden=20, n_classes=256), 16),
    "odd sizes": (Geometry(n_hidden=7, n_classes=3, n_context=4, relu_clip=1.5), 5),
}


def features(frames: int = 37) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (frames, 26)).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
def test_float_models_compute_the_model(shape):
    pytest.importorskip("ai_edge_litert", reason="the [litert] extra is not installed")
    geometry, n_steps = SHAPES[shape]
    deployment = random_deployment(geometry, n_steps=n_steps)
    step = litert_step(acoustic_only(tflite_model(deployment, quantize=False)))
    found = stream(step, features(), geometry.n_hidden, n_steps, geometry.n_context)
    expected = reference_probabilities(deployment, features())
    tolerance = probability_tolerance(geometry, expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    assert (expected.std(axis=0) / expected.mean(axis=0)).max() > 0.1  # results depend on the input


@pytest.mark.parametrize("layer_norm", [False, True])
def test_int8_models_are_near_the_model(layer_norm):
    pytest.importorskip("ai_edge_litert", reason="the [litert] extra is not installed")
    geometry = Geometry(n_hidden=96, n_classes=29, layer_norm=layer_norm)
    deployment = random_deployment(geometry)
    step = litert_step(acoustic_only(tflite_model(deployment, quantize=True)))
    found = stream(step, features(), geometry.n_hidden)
    expected = reference_probabilities(deployment, features())
    assert 0 < np.abs(found - expected).max() < 0.05


def test_metadata_is_what_was_given():
    config = FeatureConfig(sample_rate_hz=8000, window_milliseconds=25, step_milliseconds=10)
    deployment = random_deployment(SMALL, features=config, language="uk")
    graph = read_graph(tflite_model(deployment, quantize=False))
    metadata = read_metadata(graph)
    assert metadata.sample_rate_hz == 8000
    assert (metadata.window_milliseconds, metadata.step_milliseconds) == (25, 10)
    assert (metadata.version, metadata.beam_width, metadata.language) == (6, 77, "uk")
    alphabet = Alphabet()
    alphabet.deserialize(metadata.alphabet)
    assert alphabet == deployment.alphabet
    shapes = {graph.tensors[index].name: graph.tensors[index].shape for index in graph.inputs}
    assert shapes["input_samples"] == (200,)


def test_without_a_language_there_is_no_such_output():
    graph = read_graph(tflite_model(random_deployment(SMALL), quantize=False))
    assert "metadata_language" not in {graph.tensors[index].name for index in graph.outputs}


def test_only_matrices_of_some_size_become_int8():
    graph = read_graph(tflite_model(random_deployment(SMALL), quantize=True))
    kinds = {tensor.name: tensor.type for tensor in graph.tensors if tensor.data is not None}
    assert kinds["layer_1/weights/transpose"] == TensorType.INT8
    assert kinds["layer_2/weights/transpose"] == TensorType.FLOAT32  # 24 * 24 < 1024
    versions = {operator.version for operator in graph.operators if "FULLY" in operator.name}
    assert versions == {1, 3}


def test_the_same_model_gives_the_same_bytes():
    models = [tflite_model(random_deployment(SMALL), quantize=True) for _ in range(2)]
    assert models[0] == models[1]


def test_quantization_rounds_halves_away_from_zero():
    integers, scale = quantize_symmetrically(np.float32([127, 0.5, -0.5, 1.5, -1.4, 0]))
    assert scale == 1.0
    assert integers.tolist() == [127, 1, -1, 2, -1, 0]


def test_a_matrix_of_zeros_can_be_quantized():
    integers, scale = quantize_symmetrically(np.zeros((3, 3), np.float32))
    assert scale == 1.0
    assert not integers.any()


@pytest.mark.parametrize(
    ("changes", "error", "reason"),
    [
        ({"n_steps": 0}, FlagError, "--n_steps 0"),
        ({"n_steps": 100_000}, FlagError, "--n_steps 100000"),
        ({"beam_width": -1}, FlagError, "--export_beam_width -1"),
        ({"alphabet": Alphabet.from_labels("ab")}, CheckpointError, "2 labels"),
        ({"tensors": {}}, CheckpointError, "layer_1.weight is missing"),
    ],
)
def test_what_does_not_go_together_is_refused(changes, error, reason):
    whole = random_deployment(SMALL)
    with pytest.raises(error, match=reason):
        type(whole)(**(vars(whole) | changes))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(value):
    whole = random_deployment(SMALL)
    tensors = dict(whole.tensors)
    tensors["lstm.bias"] = np.full_like(tensors["lstm.bias"], value)
    with pytest.raises(CheckpointError, match=r"lstm\.bias contains NaN or infinite"):
        type(whole)(**(vars(whole) | {"tensors": tensors}))
