"""The tensors of a model as arrays, and back: weights, and buffers such as running statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .acoustic_model import AcousticModel
from .specification import is_statistic


def weights_of(model: AcousticModel) -> dict[str, Any]:
    """Return a model's tensors as arrays, by the names of its specification."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}


def load_weights(model: AcousticModel, tensors: Mapping[str, Any]) -> None:
    """Copy tensors into a model, in place."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(torch.as_tensor(tensors[name]))


def trained_statistics(model: AcousticModel) -> list[torch.Tensor]:
    """Return the running statistics that training changes: those of modules that are trained."""
    return [
        buffer
        for module in model.modules()
        if any(weight.requires_grad for weight in module.parameters(recurse=False))
        for name, buffer in module.named_buffers(recurse=False)
        if is_statistic(name)
    ]
