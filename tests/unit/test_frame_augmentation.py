"""Masks and noise on features and hidden frames."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from coqui_stt_training.augmentation.chance import Draw, draw_augmentations
from coqui_stt_training.augmentation.frames import FrameChange, cepstrum_of
from coqui_stt_training.augmentation.specification import parse_augmentations
from stt.frontends.log_mel import LogMel
from stt.frontends.mfcc import dct_matrix
from stt.frontends.mfcc_config import FeatureConfig

STEP_SECONDS = 0.02


def change(x: torch.Tensor, lengths: list[int], *texts: str, **arguments: object) -> torch.Tensor:
    asked = parse_augmentations(texts)
    draws: tuple[tuple[Draw, ...], ...] = tuple(
        draw_augmentations(asked, 0.0, "clip", index) for index in range(len(lengths))
    )
    seconds = tuple(length * STEP_SECONDS for length in lengths)
    return FrameChange(draws, seconds, **arguments)(x, torch.tensor(lengths))  # type: ignore[arg-type]


def make(lengths: list[int], width: int) -> torch.Tensor:
    x = torch.randn(len(lengths), max(lengths), width, generator=torch.Generator().manual_seed(1))
    for row, length in zip(x, lengths, strict=True):
        row[length:] = 0
    return x


ALL = ("time_mask[domain=features,n=2,size=100]", "frequency_mask[domain=features]",
       "dropout[domain=features]", "add[stddev=1]", "multiply[stddev=1]", "specaugment",
       "specaugment-lowresource")  # fmt: skip


@pytest.mark.parametrize("text", ALL)
def test_a_clip_is_changed_the_same_in_any_batch_and_zero_beyond_its_length(text: str) -> None:
    lengths = [100, 60, 1, 37]
    x = make(lengths, 40)
    whole = change(x, lengths, text)
    assert whole.shape == x.shape
    assert not torch.equal(whole, x)
    for index, length in enumerate(lengths):
        assert (whole[index, length:] == 0).all()
        asked = parse_augmentations([text])
        alone = FrameChange(
            (draw_augmentations(asked, 0.0, "clip", index),), (length * STEP_SECONDS,)
        )(x[index : index + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(alone[0], whole[index, :length])


def test_clips_that_are_not_drawn_stay() -> None:
    lengths = [50] * 40
    x = make(lengths, 16)
    changed = change(x, lengths, "add[p=0.5,stddev=1]")
    stayed = (changed == x).flatten(1).all(1)
    assert 8 < int(stayed.sum()) < 32


def test_time_masks_have_the_size_that_is_documented() -> None:
    x = torch.ones(200, 100, 3)
    changed = change(x, [100] * 200, "time_mask[domain=features,n=1,size=300]")
    blank = (changed == 0).all(-1)
    assert (blank.sum(1) == 15).all()  # 300 ms in frames of 20 ms
    begins = blank.int().argmax(1)
    assert begins.min() < 8
    assert begins.max() > 77
    assert begins.float().mean() == pytest.approx(42.5, abs=5)


def test_frequency_masks_have_the_size_that_is_documented() -> None:
    x = torch.ones(200, 10, 40)
    changed = change(x, [10] * 200, "frequency_mask[domain=features,n=1,size=5]")
    blank = (changed == 0).all(1)
    assert (blank.sum(1) == 5).all()
    assert blank.any(0).all()


def test_dropout_and_noise_have_the_statistics_that_are_documented() -> None:
    x = torch.full((8, 200, 40), 2.0)
    dropped = change(x, [200] * 8, "dropout[domain=features,rate=0.2]")
    assert (dropped == 0).float().mean() == pytest.approx(0.2, abs=0.01)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    added = change(x, [200] * 8, "add[stddev=0.5]") - x
    assert added.mean() == pytest.approx(0.0, abs=0.01)
    assert added.std() == pytest.approx(0.5, rel=0.02)
    times = change(x, [200] * 8, "multiply[stddev=0.25]") / x
    assert times.mean() == pytest.approx(1.0, abs=0.01)
    assert times.std() == pytest.approx(0.25, rel=0.02)


def test_specaugment_covers_what_is_documented() -> None:
    count, frames, width = 400, 200, 80
    x = torch.zeros(count, frames, width)
    x[:, ::2] = 2.0  # no frame has the mean value 1
    changed = change(x, [frames] * count, "specaugment")
    masked = changed == 1.0
    in_time = masked.all(-1).float().sum(1)
    # Two masks of 0 to 40 frames (a fifth of the clip, which is less than 1 s); they may overlap.
    assert in_time.max() <= 80
    assert in_time.mean() == pytest.approx(40 - 20 * 20 / 200, abs=4)
    bands = masked.all(1).float().sum(1)
    assert bands.max() <= 2 * 27
    assert bands.mean() == pytest.approx(27 - 13.5 * 13.5 / 80, abs=3)


def test_low_resource_masks_cover_what_is_documented() -> None:
    count, frames, width = 300, 250, 768
    x = torch.zeros(count, frames, width)
    x[:, ::2] = 2.0
    changed = change(x, [frames] * count, "specaugment-lowresource")
    masked = changed == 1.0
    # 65 % of the frames, in spans of ten frames that may overlap.
    assert masked.all(-1).float().mean() == pytest.approx(1 - np.exp(-0.65), abs=0.03)
    assert masked.all(1).float().mean() == pytest.approx(1 - np.exp(-0.25), abs=0.03)
    runs = masked[0].all(-1).int().diff().nonzero()
    assert len(runs) > 2


def test_masks_of_cepstral_features_are_masks_of_the_bands_they_describe() -> None:
    rng = np.random.default_rng(1)
    smooth = dct_matrix() @ rng.standard_normal(26) * 0.2  # a spectrum that 26 cepstra describe
    spectra = np.outer(rng.uniform(0.5, 1.5, 50), smooth)
    cepstra = torch.tensor(spectra @ dct_matrix(), dtype=torch.float32)[None].expand(40, -1, -1)
    cepstrum = cepstrum_of(FeatureConfig())
    assert cepstrum is not None
    changed = change(cepstra, [50] * 40, "specaugment[nt=0,nf=1,f=0.5]", cepstrum=cepstrum)
    torch.testing.assert_close(changed.mean(1), cepstra.mean(1), atol=1e-4, rtol=1e-4)
    widest = int((changed - cepstra).abs().sum((1, 2)).argmax())
    heard = (changed[widest] - changed[widest].mean(0)).numpy() @ np.linalg.pinv(dct_matrix())
    before = spectra - spectra.mean(0)
    # The masked bands are constant except at their smooth edges.
    left = np.linalg.norm(heard, axis=0) / np.linalg.norm(before, axis=0)
    assert (left < 0.35).sum() >= 3
    assert 0.3 < np.linalg.norm(heard) / np.linalg.norm(before) < 0.95
    assert cepstrum_of(LogMel()) is None


def test_steps_of_hidden_frames_follow_from_the_clip() -> None:
    x = torch.ones(1, 50, 4)
    draws = (draw_augmentations(parse_augmentations(
        ["time_mask[domain=hidden,n=1,size=200]"]), 0.0, 3),)  # fmt: skip
    changed = FrameChange(draws, (2.0,))(x, torch.tensor([50]))  # frames of 40 ms
    assert int((changed == 0).all(-1).sum()) == 5


def test_gradients_pass_what_is_not_masked() -> None:
    x = make([30, 20], 8).requires_grad_()
    change(x, [30, 20], "specaugment").sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
