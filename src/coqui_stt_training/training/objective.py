"""The training objective: the CTC loss, and regularisation for small corpora.

entropy        - w * H(p_t), summed over a clip's frames: a penalty on confident output
               (https://arxiv.org/abs/1701.06548, for CTC https://arxiv.org/abs/1810.12020)
consistency    two forward passes of a batch with different dropout and augmentation masks; their
               mean CTC loss plus w / 2 * (KL(p_t || q_t) + KL(q_t || p_t)), summed over frames,
               with no gradient through the first argument
               (https://arxiv.org/abs/2106.14448, for CTC https://arxiv.org/abs/2410.05101)
intermediate   (1 - w) times the CTC loss, plus w times the CTC loss of an inner block's output,
               which passes through the same head (https://arxiv.org/abs/2102.03216)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..batches.batch import Batch
from ..models.acoustic_model import Emissions
from ..scoring.ctc import ctc_losses


@dataclass(frozen=True)
class Objective:
    """The loss of training; validation uses the CTC loss alone.

    Attributes:
        entropy_weight: weight of the entropy of frames; 0: not used.
        consistency_weight: weight of the divergence of two passes; 0: there is one pass.
        inner_weight: weight of the CTC loss of an inner block.
        supervision: returns the supervised loss of each clip: CTC, or distillation.
    """

    entropy_weight: float = 0.0
    consistency_weight: float = 0.0
    inner_weight: float = 0.0
    supervision: Callable[[Emissions, Batch], Tensor] = ctc_losses

    @property
    def views(self) -> int:
        """Number of forward passes over a batch."""
        return 2 if self.consistency_weight else 1

    def losses(
        self, emissions: Sequence[Emissions], batch: Batch, inner: Sequence[Emissions] = ()
    ) -> Tensor:
        """Return each clip's loss, `[batch]`.

        Args:
            emissions: emissions of each of the `views` passes.
            batch: the batch, with its labels.
            inner: emissions of an inner block in each pass; empty while the block is frozen.
        """
        if inner:
            of_block = torch.stack([self.supervision(one, batch) for one in inner]).mean(0)
            whole = self.losses(emissions, batch)
            return (1 - self.inner_weight) * whole + self.inner_weight * of_block
        if not self.consistency_weight:
            return self._of_view(emissions[0], batch)
        one, other = emissions
        ctc = (self._of_view(one, batch) + self._of_view(other, batch)) / 2
        return ctc + self.consistency_weight * _distance(one, other)

    def _of_view(self, emissions: Emissions, batch: Batch) -> Tensor:
        losses = self.supervision(emissions, batch)
        if self.entropy_weight:
            logs = emissions.log_probabilities()
            losses = losses + self.entropy_weight * _over_frames(logs.exp() * logs, emissions)
        return losses


def _distance(one: Emissions, other: Emissions) -> Tensor:
    """Return the symmetric KL divergence of two passes for each clip, `[batch]`."""
    p, q = one.log_probabilities(), other.log_probabilities()
    there, back = (
        target.detach().exp() * (target.detach() - logs) for target, logs in ((q, p), (p, q))
    )
    return _over_frames(there + back, one) / 2


def _over_frames(values: Tensor, emissions: Emissions) -> Tensor:
    """Sum `[batch, frames, classes]` over classes and over the frames within each clip's length."""
    frames = torch.arange(values.shape[1])
    valid = (frames < emissions.lengths[:, None]).to(values.device)
    return (values.sum(-1) * valid).sum(1)
