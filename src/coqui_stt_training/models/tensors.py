"""The weights of a model as arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .deepspeech.model import DeepSpeech


def weights_of(model: DeepSpeech) -> dict[str, Any]:
    """Return a model's weights as arrays."""
    return {name: parameter.detach().cpu().numpy() for name, parameter in model.named_parameters()}


def load_weights(model: DeepSpeech, tensors: Mapping[str, Any]) -> None:
    """Copy weights into a model, in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.as_tensor(tensors[name]))
