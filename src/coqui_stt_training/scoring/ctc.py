"""The CTC loss (https://www.cs.toronto.edu/~graves/icml_2006.pdf), and best-path decoding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from coqui_stt_ctcdecoder.ctc_loss import ctc_loss

from ..batches.batch import Batch
from ..models.acoustic_model import Emissions


def ctc_losses(emissions: Emissions, batch: Batch) -> Tensor:
    """Return the negative log-likelihood of each clip's labels, not divided by any length.

    Args:
        emissions: output of the model.
        batch: the batch, with its labels.

    Returns:
        float32 `[batch]`; infinite if a clip has too few frames for its labels.
    """
    if emissions.logits.is_cpu:
        losses: Tensor = _CpuLosses.apply(emissions.logits.float(), emissions.lengths, batch)  # type: ignore[no-untyped-call]
        return losses
    log_probs = emissions.log_probabilities()
    return torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1),
        batch.labels.to(log_probs.device),
        emissions.lengths,
        batch.label_lengths,
        blank=log_probs.shape[-1] - 1,
        reduction="none",
    )


class _CpuLosses(torch.autograd.Function):
    """The losses on a CPU, natively: PyTorch's take ten times as long (benchmarks/ctc.py)."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
        log_probs = logits.log_softmax(dim=-1)
        occupancies = torch.zeros_like(log_probs) if ctx.needs_input_grad[0] else None
        losses = ctc_loss(
            log_probs.numpy(),
            lengths.numpy(),
            batch.labels.numpy(),
            batch.label_lengths.numpy(),
            occupancies=None if occupancies is None else occupancies.numpy(),
            threads=torch.get_num_threads(),
        )
        if occupancies is not None:
            beyond = torch.arange(logits.shape[1]) >= lengths[:, None]
            gradient = log_probs.exp_().sub_(occupancies).masked_fill_(beyond[..., None], 0.0)
            ctx.save_for_backward(gradient)
        return torch.from_numpy(losses)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_losses: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * of_losses[:, None, None], None, None


def best_path(classes: list[int], blank: int) -> list[int]:
    """Collapse a path, one class per frame, to labels: merge repeats, then remove blanks."""
    return [
        label
        for previous, label in zip([blank, *classes], classes, strict=False)
        if label not in (previous, blank)
    ]
