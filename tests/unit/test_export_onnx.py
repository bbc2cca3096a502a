"""`.onnx` models, run by ONNX Runtime, equal the model in plain NumPy."""

import base64

import numpy as np
import pytest

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.models.deepspeech.geometry import Geometry
from export_support import random_deployment, reference_probabilities, stream
from rounding import probability_tolerance
from stt.frontends.mfcc import Mfcc
from stt.frontends.mfcc_config import FeatureConfig

onnx_writer = pytest.importorskip(
    "coqui_stt_training.exporting.deepspeech.onnx_writer",
    reason="the [export] extra is not installed",
)
onnxruntime = pytest.importorskip("onnxruntime")

SMALL = Geometry(n_hidden=24, n_classes=9)
SHAPES = {
    "plain": (SMALL, 16),
    "one step": (SMALL, 1),
    "layer norm": (Geometry(n_hidden=24, n_classes=9, layer_norm=True), 16),
    "bytes": (Geometry(n_hidden=20, n_classes=256), 16),
    "odd sizes": (Geometry(n_hidden=7, n_classes=3, n_context=4, relu_clip=1.5), 5),
}
SMALL_WINDOWS = FeatureConfig(sample_rate_hz=8000, window_milliseconds=25, step_milliseconds=10)


def session(model):
    return onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )


def step_of(model):
    opened = session(model)
    outputs = ["logits", "new_state_c", "new_state_h"]

    def step(block, c, h):
        inputs = {"input_node": block, "previous_state_c": c, "previous_state_h": h}
        return opened.run(outputs, inputs)

    return step


def noise(samples: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def runtime_frames(config: FeatureConfig, samples: np.ndarray) -> np.ndarray:
    frames = config.frame_count(len(samples)) + 1
    return Mfcc(config)(np.pad(samples, (0, config.sample_count(frames) - len(samples))))


@pytest.mark.parametrize("shape", SHAPES)
def test_streaming_models_compute_the_model(shape):
    geometry, n_steps = SHAPES[shape]
    deployment = random_deployment(geometry, n_steps=n_steps)
    features = runtime_frames(deployment.features, noise(12000))
    step = step_of(onnx_writer.streaming_model(deployment))
    found = stream(step, features, geometry.n_hidden, n_steps, geometry.n_context)
    expected = reference_probabilities(deployment, features)
    tolerance = probability_tolerance(geometry, expected)
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("features", [FeatureConfig(), SMALL_WINDOWS])
@pytest.mark.parametrize("shape", ["plain", "layer norm", "odd sizes"])
def test_batch_models_compute_each_clip_as_if_alone(shape, features):
    geometry = SHAPES[shape][0]
    deployment = random_deployment(geometry, features=features)
    window, step = features.window_samples, features.step_samples
    lengths = [5000, 0, 1, window - 1, window, window + 1, window + step - 1, window + step, 4999]
    clips = [noise(length, seed) for seed, length in enumerate(lengths)]
    batch = np.full((len(clips), 5100), 0.3, np.float32)  # the padding may have any value
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    posteriors, frame_counts = session(onnx_writer.batch_model(deployment)).run(
        ["probabilities", "frame_counts"], {"samples": batch, "sample_counts": np.array(lengths)}
    )
    for clip, found, count in zip(clips, posteriors, frame_counts, strict=True):
        expected = reference_probabilities(deployment, runtime_frames(features, clip))
        assert count == len(expected)
        tolerance = probability_tolerance(geometry, expected)
        np.testing.assert_allclose(found[:count], expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize("features", [FeatureConfig(), SMALL_WINDOWS])
@pytest.mark.parametrize("samples", [0, 1, 511, 512, 831, 832, 16000])
def test_features_are_those_of_training(features, samples):
    audio = noise(samples)
    (found,) = session(onnx_writer.features_model(features)).run(None, {"samples": audio})
    expected = Mfcc(features)(audio)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize("signal", ["silence", "constant", "tone"])
def test_features_of_what_has_no_noise(signal):
    """Audio whose features are mostly rounding noise.

    In float32, the rounding noise of a tone is far above the floor of the logarithm; in float64, a
    little above it. For the tone, the test compares logarithms of noise, of which only the size is
    certain, so the tolerance is large.
    """
    audio = {
        "silence": np.zeros(4096),
        "constant": np.ones(4096),
        "tone": np.sin(np.arange(4096) * 2 * np.pi / 16),
    }[signal].astype(np.float32)
    (found,) = session(onnx_writer.features_model(FeatureConfig())).run(None, {"samples": audio})
    np.testing.assert_allclose(found, Mfcc(FeatureConfig())(audio), rtol=0, atol=2e-2)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_int8_models_are_near_the_model_and_smaller(layer_norm):
    deployment = random_deployment(Geometry(n_hidden=256, n_classes=29, layer_norm=layer_norm))
    model = onnx_writer.streaming_model(deployment)
    quantized = onnx_writer.quantize(model)
    assert quantized.ByteSize() < 0.45 * model.ByteSize()
    features = runtime_frames(deployment.features, noise(12000))
    found = stream(step_of(quantized), features, 256)
    expected = reference_probabilities(deployment, features)
    assert 0 < np.abs(found - expected).max() < 0.1
    assert np.abs(found - expected).sum(axis=1).mean() / 2 < 0.05


def test_int8_batch_models_keep_their_features():
    deployment = random_deployment(Geometry(n_hidden=128, n_classes=29))
    quantized = onnx_writer.quantize(onnx_writer.batch_model(deployment))
    audio = noise(8000)
    posteriors, _ = session(quantized).run(
        None, {"samples": audio[None], "sample_counts": np.array([8000])}
    )
    expected = reference_probabilities(deployment, runtime_frames(deployment.features, audio))
    assert np.abs(posteriors[0] - expected).sum(axis=1).mean() / 2 < 0.05


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("kind", ["streaming", "batch"])
def test_metadata_is_what_was_given(kind, quantized):
    deployment = random_deployment(SMALL, features=SMALL_WINDOWS, n_steps=8, language="uk")
    model = getattr(onnx_writer, f"{kind}_model")(deployment)
    opened = session(onnx_writer.quantize(model) if quantized else model)
    found = opened.get_modelmeta().custom_metadata_map
    alphabet = Alphabet()
    alphabet.deserialize(base64.b64decode(found.pop("alphabet")))
    assert alphabet == deployment.alphabet
    assert found == {
        "kind": kind,
        "format_version": "1",
        "sample_rate": "8000",
        "feature_win_len": "25",
        "feature_win_step": "10",
        "beam_width": "77",
        "n_steps": "8",
        "n_context": "9",
        "language": "uk",
    }


def test_the_same_model_gives_the_same_bytes():
    first, second = (
        onnx_writer.streaming_model(random_deployment(SMALL)).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second
