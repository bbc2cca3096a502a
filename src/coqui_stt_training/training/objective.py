"""What training lowers: the CTC loss, and what keeps a small corpus from being learnt by heart.

entropy        - w * H(p_t), summed over a clip's frames: a penalty on being sure
               (https://arxiv.org/abs/1701.06548, for CTC https://arxiv.org/abs/1810.12020)
consistency    two forward passes of a batch, which differ in what dropout drops and augmentation
               masks; their mean CTC loss, and w / 2 * (KL(p_t || q_t) + KL(q_t || p_t)), summed
               over frames, where what each is compared with gets no gradient
               (https://arxiv.org/abs/2106.14448, for CTC https://arxiv.org/abs/2410.05101)
intermediate   (1 - w) times the CTC loss, and w times that of what an inner block of an encoder
               gives, read by the same head (https://arxiv.org/abs/2102.03216)
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
    """The loss of training; validation goes by the CTC loss alone.

    Attributes:
        entropy_weight: of the frames' entropy; 0: none.
        consistency_weight: of how far two passes lie apart; 0: there is one pass.
        inner_weight: share of the CTC loss that is of an inner block.
        supervision: the loss of each clip by what is said in it.
    """

    entropy_weight: float = 0.0
    consistency_weight: float = 0.0
    inner_weight: float = 0.0
    supervision: Callable[[Emissions, Batch], Tensor] = ctc_losses

    @property
    def views(self) -> int:
        """How many forward passes over a batch it takes."""
        return 2 if self.consistency_weight else 1

    def losses(
        self, emissions: Sequence[Emissions], batch: Batch, inner: Sequence[Emissions] = ()
    ) -> Tensor:
        """Return each clip's loss, `[batch]`.

        Args:
            emissions: of as many passes as there are `views`.
            batch: its labels.
            inner: of an inner block, in each pass; none while it is frozen.
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
    """Return the symmetric divergence of two views of each clip, `[batch]`."""
    p, q = one.log_probabilities(), other.log_probabilities()
    there, back = (
        target.detach().exp() * (target.detach() - logs) for target, logs in ((q, p), (p, q))
    )
    return _over_frames(there + back, one) / 2


def _over_frames(values: Tensor, emissions: Emissions) -> Tensor:
    """Sum `[batch, frames, classes]` over the classes, and the frames that are a clip's own."""
    frames = torch.arange(values.shape[1])
    valid = (frames < emissions.lengths[:, None]).to(values.device)
    return (values.sum(-1) * valid).sum(1)
