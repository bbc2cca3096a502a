"""Converts the tensors of a model to arrays, and back: weights, and running statistics.

With several processes, a tensor may be a `DTensor`, of which each process has a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .acoustic_model import AcousticModel
from .specification import is_statistic


def weights_of(model: AcousticModel) -> dict[str, NDArray[np.float32]]:
    """Return a model's tensors as arrays, by the names of its specification."""
    return arrays_of(model.state_dict())


def arrays_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.float32]]:
    """Return tensors as arrays on the CPU, which may share their memory."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}


def load_weights(model: AcousticModel, tensors: Mapping[str, Any]) -> None:
    """Copy tensors into a model, in place."""
    for name, tensor in model.state_dict().items():
        copy_values(tensor, tensors[name])


@torch.no_grad()
def copy_values(tensor: torch.Tensor, values: Any) -> None:
    """Copy values into a tensor, or into the part of it that this process has.

    Args:
        tensor: the tensor to change.
        values: an array or a tensor with the shape of the whole tensor.
    """
    values = torch.as_tensor(values)
    if is_part(tensor):
        from torch.distributed.tensor import distribute_tensor

        part: Any = tensor
        values = distribute_tensor(values, part.device_mesh, part.placements, src_data_rank=None)
    tensor.copy_(values)


def all_of(tensor: torch.Tensor) -> torch.Tensor:
    """Return a whole tensor. All processes that have a part of it must call this."""
    part: Any = tensor
    found: torch.Tensor = part.full_tensor() if is_part(tensor) else tensor
    return found


def is_part(tensor: torch.Tensor) -> bool:
    """Say whether this process has only a part of a tensor."""
    return hasattr(tensor, "full_tensor")  # importing its class takes seconds


def trained_statistics(model: AcousticModel) -> list[torch.Tensor]:
    """Return the running statistics that training changes: those of trained modules."""
    return [
        buffer
        for module in model.modules()
        if any(weight.requires_grad for weight in module.parameters(recurse=False))
        for name, buffer in module.named_buffers(recurse=False)
        if is_statistic(name)
    ]
