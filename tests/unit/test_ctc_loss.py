"""The CTC loss and its gradient, compared with PyTorch's in double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from coqui_stt_ctcdecoder.ctc_loss import ctc_loss
from coqui_stt_ctcdecoder.errors import DecodeError
from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.models.acoustic_model import Emissions
from coqui_stt_training.scoring.ctc import ctc_losses
from kernels import DECODER


def make_batch(lengths: list[int], labels: list[list[int]]) -> Batch:
    return Batch(
        (),
        torch.zeros(len(lengths), max(lengths), 1),
        torch.tensor(lengths),
        torch.tensor([label for clip in labels for label in clip], dtype=torch.long),
        torch.tensor([len(clip) for clip in labels]),
    )


def make_logits(seed: int, batch: Batch, classes: int, scale: float) -> Tensor:
    clips, frames, _ = batch.features.shape
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(clips, frames, classes, generator=generator)


def ours(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    logits = logits.clone().requires_grad_()
    losses = ctc_losses(Emissions(logits, batch.lengths), batch)
    (gradient,) = torch.autograd.grad(losses[losses.isfinite()].sum(), logits)
    return losses.detach(), gradient


def pytorchs(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    logits = logits.double().requires_grad_()
    losses = torch.nn.functional.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1), batch.labels, batch.lengths, batch.label_lengths,
        blank=logits.shape[-1] - 1, reduction="none", zero_infinity=False,
    )  # fmt: skip
    (gradient,) = torch.autograd.grad(losses[losses.isfinite()].sum(), logits)
    gradient[~losses.isfinite()] = 0
    return losses.detach().float(), gradient.float()


@given(
    seed=st.integers(0, 2**31),
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    classes=st.integers(2, 6),
    most_labels=st.integers(0, 25),
    scale=st.sampled_from([0.0, 1.0, 10.0, 200.0]),
)
@settings(max_examples=40, deadline=None)
def test_losses_and_gradients_are_pytorchs(
    seed: int, lengths: list[int], classes: int, most_labels: int, scale: float
) -> None:
    random = np.random.default_rng(seed)
    labels = [
        random.integers(0, classes - 1, random.integers(0, most_labels + 1)).tolist()
        for _ in lengths
    ]
    batch = make_batch(lengths, labels)
    logits = make_logits(seed, batch, classes, scale)
    right, right_gradient = pytorchs(logits, batch)
    for name in DECODER.names():
        with DECODER.using(name):
            losses, gradient = ours(logits, batch)
        torch.testing.assert_close(losses, right, rtol=1e-5, atol=1e-5)
        possible = right.isfinite()
        torch.testing.assert_close(gradient[possible], right_gradient[possible], rtol=0, atol=5e-5)


def test_a_model_that_says_blanks_alone_has_a_gradient() -> None:
    """The probability of every path of 200 labels is too small for a float."""
    batch = make_batch([1500], [[i % 3 for i in range(200)]])
    logits = torch.zeros(1, 1500, 4)
    logits[..., 3] = 60.0
    losses, gradient = ours(logits, batch)
    right, right_gradient = pytorchs(logits, batch)
    assert float(right) > 10_000
    torch.testing.assert_close(losses, right, rtol=1e-6, atol=0)
    torch.testing.assert_close(gradient, right_gradient, rtol=0, atol=2e-4)


def test_gradients_are_scaled_by_what_is_made_of_the_losses() -> None:
    batch = make_batch([9, 5], [[0, 1], [2]])
    logits = make_logits(1, batch, 4, 1.0)
    _, plain = ours(logits, batch)
    weighted = logits.clone().requires_grad_()
    losses = ctc_losses(Emissions(weighted, batch.lengths), batch)
    (gradient,) = torch.autograd.grad(3 * losses[0] - losses[1], weighted)
    torch.testing.assert_close(gradient[0], 3 * plain[0])
    torch.testing.assert_close(gradient[1], -plain[1])
    assert not gradient[1, 5:].any(), "padding"


def test_threads_change_nothing() -> None:
    batch = make_batch([300] * 6, [[i % 5 for i in range(90)]] * 6)
    log_probs = make_logits(1, batch, 6, 2.0).log_softmax(-1).numpy()
    numbers = [batch.lengths.numpy(), batch.labels.numpy(), batch.label_lengths.numpy()]
    found = []
    for threads in (1, 4):
        occupancies = np.zeros_like(log_probs)
        losses = ctc_loss(log_probs, *numbers, occupancies=occupancies, threads=threads)
        found.append(losses.tobytes() + occupancies.tobytes())
    assert found[0] == found[1]


def test_what_is_no_number_is_told_and_others_are_not_touched_by_it() -> None:
    log_probs = np.full((3, 4, 3), np.log(1 / 3), np.float32)
    log_probs[1, 2, 0] = np.nan
    log_probs[2, :, 1] = -np.inf  # the label of clip 2
    occupancies = np.zeros_like(log_probs)
    losses = ctc_loss(
        log_probs, np.array([4, 4, 4]), np.array([0, 0, 1]), np.array([1, 1, 1]),
        occupancies=occupancies,
    )  # fmt: skip
    assert np.isfinite(losses[0])
    assert np.isnan(losses[1])
    assert losses[2] == np.inf
    np.testing.assert_allclose(occupancies[0].sum(1), 1, rtol=1e-6)
    assert not occupancies[1:].any()


@pytest.mark.parametrize(
    ("lengths", "labels", "label_lengths", "told"),
    [
        ([5, 1], [0], [1, 0], "clip 0: length 5 is outside 0..4"),
        ([4, -1], [0], [1, 0], "clip 1: length -1 is outside 0..4"),
        ([4, 4], [0, 2], [1, 1], "clip 1: label 2 is outside 0..1"),
        ([4, 4], [0, -1], [1, 1], "clip 1: label -1 is outside 0..1"),
        ([4, 4], [0], [1, 1], "clip 1: 1 labels, and 0 are left"),
        ([4, 4], [0, 1, 1], [1, 1], "the clips have 2 labels, and there are 3"),
        ([4, 4], [0], [-1, 1], "clip 0: -1 labels, and 1 are left"),
        ([4], [0], [1], "there are 2 clips, 1 lengths and 1 lengths of labels"),
    ],
)
def test_what_does_not_fit_is_refused(
    lengths: list[int], labels: list[int], label_lengths: list[int], told: str
) -> None:
    log_probs = np.zeros((2, 4, 3), np.float32)
    with pytest.raises(DecodeError, match=told):
        ctc_loss(log_probs, np.array(lengths), np.array(labels), np.array(label_lengths))


def test_arrays_of_another_kind_are_refused() -> None:
    numbers = np.array([4]), np.array([0]), np.array([1])
    log_probs = np.zeros((1, 4, 3), np.float32)
    with pytest.raises(TypeError):
        ctc_loss(log_probs[0], *numbers)
    with pytest.raises(TypeError):
        ctc_loss(log_probs, *numbers, occupancies=np.zeros((1, 4, 3)))
    with pytest.raises(DecodeError, match="shape"):
        ctc_loss(log_probs, *numbers, occupancies=np.zeros((1, 3, 3), np.float32))
