"""Mixed precision: forward passes in 16 bits. Weights are always float32."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ..models.acoustic_model import AcousticModel
from .optimizer import Adam


class Precision:
    """Forward passes in 16 bits if requested, and the loss scaling that float16 needs.

    bfloat16 if the device supports it, otherwise float16 with a scaled loss. If gradients overflow
    in float16, the step is skipped and the scale is reduced.
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
        """Compute gradients, and add them to the existing ones."""
        torch.autograd.backward(self._scaler.scale(loss))

    def gradient_norm(self, model: AcousticModel) -> float:
        """Return the norm of all gradients; not finite if they overflowed."""
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        return float(norm) / self._scaler.get_scale()

    def clip(self, model: AcousticModel, norm: float, max_norm: float) -> None:
        """Scale gradients down to a maximum norm.

        Args:
            model: model with gradients.
            norm: result of `gradient_norm`.
            max_norm: maximum norm; 0: no limit.
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
        """Handle overflowed gradients; return whether they are expected, as they are in float16."""
        if not self._scaler.is_enabled():
            return False
        self._scaler.update(self._scaler.get_scale() * self._scaler.get_backoff_factor())
        return True

    @property
    def state(self) -> Mapping[str, Any]:
        """State for a checkpoint."""
        return self._scaler.state_dict()

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a checkpoint's state, which is empty without float16."""
        if state and self._scaler.is_enabled():
            self._scaler.load_state_dict(dict(state))
