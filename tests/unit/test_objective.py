"""The terms of the objective beside the CTC loss, compared with PyTorch's functions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.models.acoustic_model import Emissions
from coqui_stt_training.scoring.ctc import ctc_losses
from coqui_stt_training.training.objective import Objective

LENGTHS = torch.tensor([7, 5])


def make_batch() -> Batch:
    return Batch((), torch.zeros(2, 7, 1), LENGTHS, torch.tensor([1, 2, 0]), torch.tensor([2, 1]))


def make_logits(seed: int) -> Tensor:
    logits = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return logits.float().requires_grad_()


def frames_of(logits: Tensor) -> list[Tensor]:
    return [clip[:length] for clip, length in zip(logits, LENGTHS.tolist(), strict=True)]


def test_nothing_added_is_the_ctc_loss() -> None:
    emissions, batch = Emissions(make_logits(1), LENGTHS), make_batch()
    assert torch.equal(Objective().losses([emissions] * 2, batch), ctc_losses(emissions, batch))


def test_entropy_is_that_of_pytorchs_distributions_over_a_clips_own_frames() -> None:
    logits, batch = make_logits(1), make_batch()
    ours = Objective(entropy_weight=0.3).losses([Emissions(logits, LENGTHS)], batch)
    entropy = torch.stack(
        [torch.distributions.Categorical(logits=clip).entropy().sum() for clip in frames_of(logits)]
    )
    torch.testing.assert_close(ours, ctc_losses(Emissions(logits, LENGTHS), batch) - 0.3 * entropy)


def test_consistency_is_pytorchs_divergence_both_ways_with_targets_held() -> None:
    batch = make_batch()

    def views() -> list[Tensor]:
        return [make_logits(1), make_logits(2)]

    ours, theirs = views(), views()
    losses = Objective(consistency_weight=0.7).losses(
        [Emissions(logits, LENGTHS) for logits in ours], batch
    )
    expected = []
    ctc = sum(ctc_losses(Emissions(logits, LENGTHS), batch) for logits in theirs) / 2
    for one, other in zip(*map(frames_of, theirs), strict=True):
        p, q = one.log_softmax(-1), other.log_softmax(-1)
        expected.append(
            0.35 * torch.nn.functional.kl_div(p, q.detach(), reduction="sum", log_target=True)
            + 0.35 * torch.nn.functional.kl_div(q, p.detach(), reduction="sum", log_target=True)
        )
    reference = ctc + torch.stack(expected)
    torch.testing.assert_close(losses, reference)
    torch.autograd.backward(losses.sum())
    torch.autograd.backward(reference.sum())
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        torch.testing.assert_close(mine.grad, other.grad)


def test_views_that_are_the_same_add_nothing() -> None:
    emissions, batch = Emissions(make_logits(1), LENGTHS), make_batch()
    losses = Objective(consistency_weight=5.0).losses([emissions] * 2, batch)
    torch.testing.assert_close(losses, ctc_losses(emissions, batch))
    assert losses.tolist() == pytest.approx(ctc_losses(emissions, batch).tolist())


def test_inner_blocks_have_their_share_of_the_loss() -> None:
    batch = make_batch()
    last, one, other = (Emissions(make_logits(seed), LENGTHS) for seed in (1, 2, 3))
    objective = Objective(inner_weight=0.25)
    expected = 0.75 * ctc_losses(last, batch) + 0.125 * (
        ctc_losses(one, batch) + ctc_losses(other, batch)
    )
    torch.testing.assert_close(objective.losses([last], batch, [one, other]), expected)
    assert torch.equal(objective.losses([last], batch), ctc_losses(last, batch)), "while frozen"
