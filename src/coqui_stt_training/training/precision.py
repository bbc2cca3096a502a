"""Mixed precision: what is computed in 16 bits, on which device. Weights are always float32."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ..models.acoustic_model import AcousticModel
from .optimizer import Adam


class Precision:
    """Forward passes in 16 bits where asked for, and the scaling of the loss that float16 needs.

    bfloat16 where the device computes in it, else float16 with a scaled loss: gradients that
    float16 cannot hold are found, their step is left out, and the scale is lowered.
    """

    def __init__(self, mixed: bool, device: torch.device) -> None:
        self._device = device
        self._dtype: torch.dtype | None = None
        if mixed:
            has_bfloat16 = device.type != "cuda" or torch.cuda.is_bf16_supported()
            self._dtype = torch.bfloat16 if has_bfloat16 else torch.float16
        self._scaler = torch.amp.GradScaler(device.type, enabled=self._dtype == torch.float16)

    def forward(self) -> AbstractContextManager[Any]:
        """Return the context of a forward pass."""
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self._device.type, self._dtype)

    def backward(self, loss: Tensor) -> None:
        """Compute gradients, and add them to those that are there."""
        torch.autograd.backward(self._scaler.scale(loss))

    def gradient_norm(self, model: AcousticModel) -> float:
        """Return the norm of all gradients, not finite where they cannot be used."""
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        return float(norm) / self._scaler.get_scale()

    def clip(self, model: AcousticModel, norm: float, max_norm: float) -> None:
        """Scale the gradients down to a norm.

        Args:
            model: whose gradients.
            norm: what `gradient_norm` returned.
            max_norm: what they may have at most; 0: anything.
        """
        if max_norm and norm > max_norm:
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            torch._foreach_mul_(gradients, max_norm / norm)

    def step(self, optimizer: Adam) -> None:
        """Update the weights from the gradients."""
        optimizer.prepare_step()
        self._scaler.step(optimizer.torch_optimizer)
        self._scaler.update()

    def skip(self) -> bool:
        """Say whether gradients that overflowed are routine: they are while a scale is sought."""
        if not self._scaler.is_enabled():
            return False
        self._scaler.update(self._scaler.get_scale() * self._scaler.get_backoff_factor())
        return True

    @property
    def state(self) -> Mapping[str, Any]:
        """What a checkpoint keeps."""
        return self._scaler.state_dict()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint's state; one without 16 bits has none."""
        if state and self._scaler.is_enabled():
            self._scaler.load_state_dict(dict(state))
