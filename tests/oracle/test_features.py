"""Features equal upstream's, on its clips and on edge cases of audio."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rounding import UNIT
from stt.frontends.mfcc import Mfcc
from stt.frontends.mfcc_config import FeatureConfig

from . import REFERENCES, needs_oracle

pytestmark = needs_oracle
CLIPS = ["cpu_n64__LDC93S1", "cpu_n64__LDC93S1_8k", "cpu_n64__newhome"]
EDGES = ["zeros", "dc", "square", "sine1k", "impulse", "noise", "tiny_noise",
         "len0", "len1", "len511", "len512", "len831", "len832"]  # fmt: skip
# Another Fourier transform may round each power to the neighbouring float32. Channels change by the
# same relative error; features by at most 9 times it, the sum of a row of the cosine transform.
TOLERANCE = 9 * 2 * UNIT
# With a pure tone, most channels contain only rounding noise, of which only the size is certain.
EDGE_TOLERANCE = {"sine1k": 1e-3}


@pytest.mark.parametrize("backend", [np, torch])
@pytest.mark.parametrize("clip", CLIPS)
def test_clips(clip: str, backend: object) -> None:
    reference = np.load(REFERENCES / f"{clip}.npz")
    mfcc = Mfcc(FeatureConfig(int(reference["sample_rate"])))
    for scale, name in ((32768, "mfcc"), (32767, "mfcc_train")):
        samples = reference["samples"] / np.float32(scale)
        if backend is torch:
            features = mfcc.to(torch)(torch.from_numpy(samples)).numpy()
        else:
            features = mfcc(samples)
        assert features.dtype == np.float32
        np.testing.assert_allclose(features, reference[name], rtol=2 * UNIT, atol=TOLERANCE)


@pytest.mark.parametrize("edge", EDGES)
def test_edges(edge: str) -> None:
    reference = np.load(REFERENCES / "feature_edges.npz")
    features = Mfcc(FeatureConfig())(reference[f"in:{edge}"].astype(np.float32).reshape(-1))
    expected = reference[f"mfcc:{edge}"]
    assert features.shape == expected.shape
    tolerance = EDGE_TOLERANCE.get(edge, TOLERANCE)
    np.testing.assert_allclose(features, expected, rtol=2 * UNIT, atol=tolerance)


def test_batches_are_computed_like_single_clips() -> None:
    mfcc = Mfcc(FeatureConfig())
    samples = np.random.default_rng(0).normal(0, 0.1, (3, 4000)).astype(np.float32)
    together = mfcc(samples)
    assert together.shape == (3, 11, 26)
    for row, clip in zip(together, samples, strict=True):
        np.testing.assert_array_equal(row, mfcc(clip))
