"""Adam in TensorFlow's form, with a learning rate for each layer; and AdamW.

    lr_t = lr * sqrt(1 - beta2^t) / (1 - beta1^t)
    w   -= lr_t * m / (sqrt(v) + epsilon)

AdamW (https://arxiv.org/abs/1711.05101) first does `w -= lr * decay * w`, whatever the gradient is.
Only matrices decay, not biases and the factors of normalisations.

Each layer warms up over its own first updates, in which its learning rate grows linearly. A layer
that is frozen at first warms up when it is unfrozen, because its moments begin only then.

This is the formula before section 2.1's last paragraph of https://arxiv.org/abs/1412.6980
("epsilon hat"). PyTorch divides v by its bias correction before it adds epsilon; the two are the
same when epsilon is divided by sqrt(1 - beta2^t), so PyTorch's fused kernel does the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..checkpoints.source import AdamState
from ..models.acoustic_model import AcousticModel
from ..models.tensors import arrays_of, copy_values


class Adam:
    """Updates a model's weights from their gradients; weights without gradients do not change.

    Args:
        model: model whose weights are updated in place.
        learning_rate: learning rate of all layers, before their factors.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
        epsilon: added to the root of the second moment.
        layer_factors: learning rate factors by layer; 1 for layers not named.
        warmup_steps: number of updates of a layer over which its learning rate grows linearly.
        weight_decay: decay of weights per step, times the learning rate; 0: Adam.
        anchors: weights by name towards which the model's weights are pulled.
        anchor_decay: share of the distance to the anchors per step, times the learning rate.
    """

    def __init__(
        self,
        model: AcousticModel,
        learning_rate: float,
        beta1: float,
        beta2: float,
        epsilon: float,
        layer_factors: Mapping[str, float] | None = None,
        warmup_steps: int = 0,
        weight_decay: float = 0.0,
        anchors: Mapping[str, NDArray[np.float32]] | None = None,
        anchor_decay: float = 0.0,
    ) -> None:
        self.learning_rate = learning_rate
        self.step_count = 0
        self._beta2 = beta2
        self._epsilon = epsilon
        self._warmup_steps = warmup_steps
        self._parameters = dict(model.named_parameters())
        self._anchor_decay = anchor_decay
        self._anchors = {
            self._parameters[name]: _like(self._parameters[name], values)
            for name, values in (anchors or {}).items()
        }
        factors = layer_factors or {}
        groups = [
            {"params": group, "factor": factors.get(layer, 1.0), "weight_decay": decay}
            for layer, members in model.layer_parameters().items()
            for group, decay in _by_decay([tensor for _, tensor in members], weight_decay)
        ]
        self._adam = torch.optim.AdamW(groups, betas=(beta1, beta2), fused=True)

    @property
    def torch_optimizer(self) -> torch.optim.AdamW:
        """The optimizer as `torch.amp.GradScaler` needs it."""
        return self._adam

    def prepare_step(self) -> None:
        """Count the coming update, set its learning rates and epsilons, and pull to the anchors."""
        self.step_count += 1
        for group in self._adam.param_groups:
            updates = 1 + max(self._updates(parameter) for parameter in group["params"])
            warmed_up = min(1.0, updates / max(1, self._warmup_steps))
            group["lr"] = self.learning_rate * group["factor"] * warmed_up
            group["eps"] = self._epsilon / math.sqrt(1 - self._beta2**updates)
            self._draw_back(group["params"], group["lr"])

    @torch.no_grad()
    def _draw_back(self, parameters: list[torch.nn.Parameter], learning_rate: float) -> None:
        """Pull trained weights towards their anchors (L2-SP, https://arxiv.org/abs/1802.01483).

        This is separate from the gradient, like AdamW's decay: Adam would normalise its size away.
        """
        for parameter in parameters:
            anchor = self._anchors.get(parameter)
            if anchor is not None and parameter.grad is not None:
                parameter.lerp_(anchor, learning_rate * self._anchor_decay)

    def step(self) -> None:
        """Update the weights."""
        self.prepare_step()
        self._adam.step()

    def zero_grad(self) -> None:
        """Clear the gradients."""
        self._adam.zero_grad(set_to_none=True)

    def _updates(self, parameter: torch.Tensor) -> int:
        state = self._adam.state.get(parameter)
        return int(state["step"]) if state else 0

    def state(
        self,
        arrays: Callable[[Mapping[str, torch.Tensor]], dict[str, NDArray[np.float32]]] = arrays_of,
    ) -> AdamState:
        """Return the state for a checkpoint; moments of weights never updated are zero.

        Args:
            arrays: converts tensors to arrays.
        """

        def moments(key: str) -> dict[str, torch.Tensor]:
            return {
                name: (
                    self._adam.state[parameter][key]
                    if parameter in self._adam.state
                    else torch.zeros_like(parameter)
                )
                for name, parameter in self._parameters.items()
            }

        steps = {name: self._updates(parameter) for name, parameter in self._parameters.items()}
        return AdamState(
            arrays(moments("exp_avg")), arrays(moments("exp_avg_sq")), self.step_count, steps
        )

    def forget_directions(self) -> None:
        """Reset the first moments and keep the second ones, after the weights were replaced.

        The first moments are the direction of past updates, which does not apply to other weights.
        The second moments are the size of gradients, which still applies to similar weights.
        """
        for state in self._adam.state.values():
            state["exp_avg"].zero_()

    def load_state(self, state: AdamState) -> None:
        """Restore a checkpoint's state."""
        self.step_count = state.step
        for name, parameter in self._parameters.items():
            updates = state.tensor_steps.get(name, state.step)
            if updates == 0:
                self._adam.state.pop(parameter, None)
                continue
            restored: dict[str, Any] = {
                "step": torch.tensor(float(updates), device=parameter.device),
                "exp_avg": _like(parameter, state.first_moments[name]),
                "exp_avg_sq": _like(parameter, state.second_moments[name]),
            }
            self._adam.state[parameter] = restored


def _by_decay(
    members: list[torch.nn.Parameter], weight_decay: float
) -> list[tuple[list[torch.nn.Parameter], float]]:
    """Return a layer's parameters in non-empty groups, with the weight decay of each group."""
    if weight_decay == 0.0:
        return [(members, 0.0)]
    groups = (
        ([tensor for tensor in members if tensor.dim() > 1], weight_decay),
        ([tensor for tensor in members if tensor.dim() <= 1], 0.0),
    )
    return [(group, decay) for group, decay in groups if group]


def _like(parameter: torch.Tensor, values: NDArray[np.float32]) -> torch.Tensor:
    """Return values in the memory layout of a parameter, which the fused kernel requires."""
    like = torch.empty_like(parameter, requires_grad=False)
    copy_values(like, values)
    return like
