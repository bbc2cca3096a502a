"""The tensors of a model as arrays, and back: weights, and buffers such as running statistics.

Of several processes each may have a part of a tensor alone, a `DTensor` of PyTorch's.
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
    """Copy values into a tensor, or those of this process's part where it has a part alone.

    Args:
        tensor: what to change.
        values: an array or a tensor, in the shape of the whole.
    """
    values = torch.as_tensor(values)
    if is_part(tensor):
        from torch.distributed.tensor import distribute_tensor

        part: Any = tensor
        values = distribute_tensor(values, part.device_mesh, part.placements, src_data_rank=None)
    tensor.copy_(values)


def all_of(tensor: torch.Tensor) -> torch.Tensor:
    """Return the whole of a tensor, which all processes that have a part of it have to ask for."""
    part: Any = tensor
    found: torch.Tensor = part.full_tensor() if is_part(tensor) else tensor
    return found


def is_part(tensor: torch.Tensor) -> bool:
    """Say whether it is a tensor of which this process has a part alone."""
    return hasattr(tensor, "full_tensor")  # its class takes seconds to import


def trained_statistics(model: AcousticModel) -> list[torch.Tensor]:
    """Return the running statistics that training changes: those of modules that are trained."""
    return [
        buffer
        for module in model.modules()
        if any(weight.requires_grad for weight in module.parameters(recurse=False))
        for name, buffer in module.named_buffers(recurse=False)
        if is_statistic(name)
    ]
