"""Comparison of our encoders with those of Hugging Face's transformers from which they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.models.acoustic_model import AcousticModel, build
from coqui_stt_training.models.tensors import load_weights, weights_of

TOLERANCE = 1e-4
CLASSES = 7
_VOCABULARY = {"<pad>": 0, "c": 1, "|": 2, "a": 3, "b": 4, "e": 5, "d": 6}
# For each of our classes, its index in their vocabulary; their padding token is our blank.
ROWS = [1, 2, 3, 4, 5, 6, 0]


def randomised(model: Any) -> Any:
    """Fill every tensor of a model with different random values, to detect mixed-up tensors."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        noise = torch.randn(tensor.shape, generator=generator)
        if name.endswith(("running_var", "weight.original0")):
            tensor.copy_(0.5 + noise.abs())
        elif "norm" in name and name.endswith("weight"):
            tensor.copy_(1 + 0.2 * noise)
        else:
            scale = 0.3 if tensor.dim() < 2 else 1.5 / tensor[0].numel() ** 0.5
            tensor.copy_(scale * noise)
    return model.eval()


def saved(model: Any, folder: Path) -> SourceModel:
    """Save a model of transformers in a folder, and return it as we read it from there."""
    model.save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps(_VOCABULARY))
    return load_source(folder)


def ours(source: SourceModel) -> AcousticModel:
    """Return our model with the weights of a source, and random ones for a head that it lacks."""
    model = build(source.specification).eval()
    model.initialize(1)
    load_weights(model, {**weights_of(model), **source.tensors})
    return model


@torch.no_grad()
def assert_same(
    model: AcousticModel,
    theirs: Callable[[Tensor], Tensor],
    clips: Sequence[Tensor],
    last: int | None = None,
) -> None:
    """Assert that our outputs, clip by clip and in a padded batch, equal theirs clip by clip.

    Args:
        model: our model.
        theirs: their model, as a function from a clip `[1, frames, values]` to its output
            `[1, frames, values]`.
        clips: float32 `[frames, values]` each.
        last: number of our layer before which to stop; None: run all layers.
    """
    batch = torch.zeros(len(clips), max(map(len, clips)), clips[0].shape[1])
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    together, lengths = model.run(batch, torch.tensor([len(clip) for clip in clips]), last=last)
    for clip, padded, length in zip(clips, together, lengths.tolist(), strict=True):
        expected = theirs(clip[None])[0]
        alone, _ = model.run(clip[None], torch.tensor([len(clip)]), last=last)
        assert alone[0].shape == expected.shape == padded[:length].shape
        bound = TOLERANCE * float(expected.abs().max())
        assert float((alone[0] - expected).abs().max()) < bound
        assert float((padded[:length] - expected).abs().max()) < bound
