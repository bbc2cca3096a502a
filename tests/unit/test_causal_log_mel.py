"""Causal features: a stream gives the same frames as the whole clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rounding import UNIT
from stt.frontends import describe_front_end, restore_front_end
from stt.frontends.causal_log_mel import SAMPLES_BEFORE, CausalLogMel

STEP = 160


def audio(samples: int) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 0.1, samples).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 159, 160, 1000, 12345])
def test_parts_give_the_frames_of_the_whole(samples: int) -> None:
    front_end = CausalLogMel(40, tail_milliseconds=50)
    clip = audio(samples)
    whole = front_end.extractor(np)(clip)
    assert whole.dtype == np.float32
    assert whole.shape == (front_end.frame_count(samples), 40)
    heard = np.concatenate([np.zeros(SAMPLES_BEFORE, np.float32), clip, np.zeros(800, np.float32)])
    frames = front_end.frames_extractor(np)
    parts = [
        frames(heard[start : start + SAMPLES_BEFORE + 3 * STEP])
        for start in range(0, len(heard) - SAMPLES_BEFORE, 3 * STEP)
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=8 * UNIT)


def test_what_comes_later_changes_nothing() -> None:
    extract = CausalLogMel().extractor(np)
    clip = audio(8000)
    louder = clip.copy()
    louder[20 * STEP :] *= 100
    before, after = extract(clip), extract(louder)
    np.testing.assert_array_equal(before[:20], after[:20])
    assert np.abs(before[20] - after[20]).max() > 0.1


def test_nothing_is_heard_of_nothing() -> None:
    front_end = CausalLogMel(40)
    assert front_end.frame_count(0) == 0
    assert front_end.extractor(np)(audio(0)).shape == (0, 40)


def test_tensors_give_what_arrays_give() -> None:
    front_end, clip = CausalLogMel(), audio(5000)
    theirs = front_end.extractor(torch, torch.device("cpu"))(torch.from_numpy(clip)).numpy()
    np.testing.assert_allclose(theirs, front_end.extractor(np)(clip), atol=8 * UNIT)


def test_it_survives_json() -> None:
    front_end = CausalLogMel(64, 0)
    assert restore_front_end(describe_front_end(front_end)) == front_end


@pytest.mark.parametrize("values", [(0, 240), (80, 5), (80, -10), (80, 20_000)])
def test_what_cannot_be_is_refused(values: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"is possible|are usual"):
        CausalLogMel(*values)
