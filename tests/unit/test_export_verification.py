"""Comparison of exported files with their checkpoint."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.errors import ExportError
from coqui_stt_training.exporting.verification import (
    ProbeClip,
    checkpoint_posteriors,
    compare,
    noise_clips,
)
from coqui_stt_training.models.deepspeech.geometry import Geometry
from export_support import random_deployment, reference_probabilities
from rounding import probability_tolerance
from stt.frontends.mfcc import Mfcc
from stt.frontends.mfcc_config import FeatureConfig

GEOMETRY = Geometry(n_hidden=16, n_classes=6, layer_norm=True)
DEPLOYMENT = random_deployment(GEOMETRY)
CLIPS = [replace(clip, transcript="ab") for clip in noise_clips(DEPLOYMENT.features, 0)]


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(b"123456")
    return path


@pytest.fixture(scope="module")
def expected() -> list[np.ndarray]:
    pytest.importorskip("torch", reason="the [train] extra is not installed")
    return checkpoint_posteriors(DEPLOYMENT, CLIPS)


def test_the_checkpoint_is_heard_as_a_runtime_would(expected):
    config = DEPLOYMENT.features
    for clip, found in zip(CLIPS, expected, strict=True):
        frames = config.frame_count(len(clip.samples)) + 1
        samples = np.zeros(config.sample_count(frames), np.float32)
        samples[: len(clip.samples)] = clip.samples / 32768
        reference = reference_probabilities(DEPLOYMENT, Mfcc(config)(samples))
        tolerance = probability_tolerance(GEOMETRY, reference)
        np.testing.assert_allclose(found, reference, rtol=0, atol=tolerance)


def test_what_is_equal_has_no_difference(model_file, expected):
    found = compare(model_file, DEPLOYMENT, CLIPS, expected, expected, exact=True)
    assert (found.logit_difference, found.probability_difference) == (0, 0)
    assert found.frame_agreement == 1
    assert found.size_bytes == 6
    assert found.checkpoint_wer == found.exported_wer
    assert found.checkpoint_wer is not None


def test_a_float_model_that_differs_is_refused(model_file, expected):
    other = [np.roll(rows, 1, axis=1) for rows in expected]
    with pytest.raises(ExportError, match="more than rounding"):
        compare(model_file, DEPLOYMENT, CLIPS, expected, other, exact=True)
    found = compare(model_file, DEPLOYMENT, CLIPS, expected, other, exact=False)
    assert found.frame_agreement == 0
    assert found.probability_difference > 0.01


def test_a_model_of_another_shape_or_of_nans_is_refused(model_file, expected):
    shorter = [rows[:-1] for rows in expected]
    broken = [np.full_like(rows, np.nan) for rows in expected]
    for found in (shorter, broken):
        with pytest.raises(ExportError, match="not numbers"):
            compare(model_file, DEPLOYMENT, CLIPS, expected, found, exact=False)


def test_without_transcripts_there_is_no_word_error_rate(model_file, expected):
    clips = [ProbeClip(clip.samples) for clip in CLIPS]
    found = compare(model_file, DEPLOYMENT, clips, expected, expected, exact=True)
    assert found.exported_wer is None


def test_thousands_of_classes_of_which_none_is_likely_are_compared(model_file):
    clips = [ProbeClip(clip.samples) for clip in CLIPS[:1]]
    even = np.full((3, 5000), 1 / 5000, np.float32)
    even[:, 7] *= 2
    other = even * np.float32(1.5)
    found = compare(model_file, DEPLOYMENT, clips, [even], [other], exact=False)
    assert found.logit_difference == pytest.approx(np.log(1.5), rel=1e-5)
    assert found.frame_agreement == 1


def test_noise_is_the_same_for_the_same_seed_and_not_silent():
    config = FeatureConfig(sample_rate_hz=8000)
    first, again, other = (noise_clips(config, seed) for seed in (1, 1, 2))
    assert all((a.samples == b.samples).all() for a, b in zip(first, again, strict=True))
    assert any((a.samples != b.samples).any() for a, b in zip(first, other, strict=True))
    assert all(np.abs(clip.samples).max() > 10000 for clip in first)
    assert sum(len(clip.samples) for clip in first) == 6 * 8000
