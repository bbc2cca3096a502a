"""Comparing an encoder of ours with the one of Hugging Face's transformers that it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from coqui_stt_training.models.acoustic_model import AcousticModel, build
from coqui_stt_training.models.tensors import load_weights
from coqui_stt_training.models.translation import Translation, translate

TOLERANCE = 1e-4


def randomised(model: nn.Module) -> nn.Module:
    """Give every tensor of a model values of its own, so that none can be mistaken for another."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith("running_var") or "weight_g" in name or "original0" in name:
            tensor.copy_(0.5 + noise.abs())
        elif "norm" in name and name.endswith("weight"):
            tensor.copy_(1 + 0.2 * noise)
        else:
            scale = 0.3 if tensor.dim() < 2 else 1.5 / tensor[0].numel() ** 0.5
            tensor.copy_(scale * noise)
    return model.eval()


def translated(model: nn.Module, config: dict[str, Any], names: Any) -> Translation[Any]:
    """Return a model of transformers in our names."""
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return translate(tensors, names.specification_of(config), names)


def ours(translation: Translation[Any]) -> AcousticModel:
    """Return our model with translated weights."""
    model = build(translation.specification).eval()
    drawn = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    load_weights(model, {**drawn, **translation.tensors})
    return model


@torch.no_grad()
def assert_same(
    model: AcousticModel,
    theirs: Callable[[Tensor], Tensor],
    clips: Sequence[Tensor],
    last: int | None = None,
) -> None:
    """Compare clips one by one, and those of a padded batch of ours with theirs alone.

    Args:
        model: ours.
        theirs: maps a clip `[1, frames, values]` to `[1, frames, values]`.
        clips: `[frames, values]` each.
        last: the layer of ours before which to stop; None: none.
    """
    batch = torch.zeros(len(clips), max(map(len, clips)), clips[0].shape[1])
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    together, lengths = model.run(batch, torch.tensor([len(clip) for clip in clips]), last=last)
    for clip, padded, length in zip(clips, together, lengths.tolist(), strict=True):
        expected = theirs(clip[None])[0]
        alone, _ = model.run(clip[None], torch.tensor([len(clip)]), last=last)
        assert alone[0].shape == expected.shape == padded[:length].shape
        scale = expected.abs().max()
        assert (alone[0] - expected).abs().max() < TOLERANCE * scale
        assert (padded[:length] - expected).abs().max() < TOLERANCE * scale
