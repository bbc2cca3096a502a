"""Batch normalisation in Conformers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from coqui_stt_training.models.conformer.convolution import BatchNorm


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Return two clips of 5 and 2 frames with non-zero padding, their lengths, and their frames."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 5, 3, generator=generator) + 2.0
    lengths = torch.tensor([5, 2])
    return x, lengths, torch.cat([x[0], x[1, :2]])


def test_statistics_in_training_are_those_of_the_clips_alone() -> None:
    x, lengths, frames = batch()
    ours, theirs = BatchNorm(3).train(), nn.BatchNorm1d(3).train()
    for _ in range(3):
        out = ours(x, lengths)
        expected = theirs(frames)
    torch.testing.assert_close(torch.cat([out[0], out[1, :2]]), expected)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(
        ours.eval()(frames[None], torch.tensor([7]))[0], theirs.eval()(frames)
    )


def test_what_is_not_trained_goes_on_with_the_statistics_it_came_with() -> None:
    x, lengths, _ = batch()
    for norm in (BatchNorm(3).train().requires_grad_(False), BatchNorm(3).eval()):
        torch.testing.assert_close(norm(x, lengths), x, rtol=1e-4, atol=1e-4)
        assert not norm.running_mean.any()


def test_a_single_frame_has_no_variance() -> None:
    norm = BatchNorm(3).train()
    x = torch.ones(1, 1, 3)
    torch.testing.assert_close(norm(x, torch.tensor([1])), x, rtol=1e-4, atol=1e-4)
    assert norm.running_var.isfinite().all()
