"""A running average of the weights, which is steadier and better on unseen speech than the latest.

    average_1 = w_1
    average_t = average_{t-1} + (eta + 1) / (t + eta) * (w_t - average_{t-1})

Polynomial-decay averaging (https://arxiv.org/abs/1212.1824): older steps count less, and the window
is a share `1 / (eta + 1)` of the training so far, so that no length has to be chosen.
"""

from __future__ import annotations

import torch

from ..models.acoustic_model import AcousticModel, build
from ..models.encoder import base_tensors
from ..models.tensors import is_part

ETA = 8.0


class WeightAverage:
    """The average of a model's weights over training.

    Attributes:
        model: model whose weights are the average.
        updates: number of steps averaged so far.
    """

    def __init__(self, model: AcousticModel, updates: int = 0) -> None:
        with torch.device("meta"):
            self.model = build(model.specification)
        never_trained = base_tensors(model.specification)  # shared, not copied
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
        """Add the weights after a training step; weights that are not trained stay as they are."""
        self.updates += 1
        share = (ETA + 1) / (self.updates + ETA)
        still = {name for name, weight in model.named_parameters() if not weight.requires_grad}
        average, current = self.model.state_dict(), model.state_dict()
        moving = [name for name in current if name not in still]
        for parts in (False, True):  # PyTorch's functions do not take tensors and DTensors together
            some = [name for name in moving if is_part(current[name]) == parts]
            if some:
                torch._foreach_lerp_(
                    [average[name] for name in some], [current[name] for name in some], share
                )
