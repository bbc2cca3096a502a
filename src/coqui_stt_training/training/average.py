"""A running average of the weights: steadier, and better on unseen speech, than the last ones.

    average_1 = w_1
    average_t = average_{t-1} + (eta + 1) / (t + eta) * (w_t - average_{t-1})

Polynomial-decay averaging (https://arxiv.org/abs/1212.1824): the older a step, the less it counts,
and the window grows with training, a `1 / (eta + 1)` of it, so there is no length to choose.
"""

from __future__ import annotations

import torch

from ..models.acoustic_model import AcousticModel, build
from ..models.encoder import base_tensors
from ..models.tensors import is_part

ETA = 8.0


class WeightAverage:
    """Averages the weights of a model that is being trained.

    Attributes:
        model: a model with the average for weights.
        updates: steps averaged so far.
    """

    def __init__(self, model: AcousticModel, updates: int = 0) -> None:
        with torch.device("meta"):
            self.model = build(model.specification)
        never_trained = base_tensors(model.specification)  # they need not be there twice
        self.model.load_state_dict(
            {
                name: tensor if name in never_trained else tensor.detach().clone()
                for name, tensor in model.state_dict().items()
            },
            assign=True,
        )
        self.model.requires_grad_(False).eval()
        self.updates = updates

    @torch.no_grad()
    def update(self, model: AcousticModel) -> None:
        """Take in the weights after a training step; those not trained are their own average."""
        self.updates += 1
        share = (ETA + 1) / (self.updates + ETA)
        still = {name for name, weight in model.named_parameters() if not weight.requires_grad}
        average, current = self.model.state_dict(), model.state_dict()
        moving = [name for name in current if name not in still]
        for parts in (False, True):  # PyTorch does not take tensors and parts of them together
            some = [name for name in moving if is_part(current[name]) == parts]
            if some:
                torch._foreach_lerp_(
                    [average[name] for name in some], [current[name] for name in some], share
                )
