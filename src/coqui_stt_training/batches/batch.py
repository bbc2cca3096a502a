"""Clips ready for the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..augmentation.frames import FrameChange
from ..corpus import Clip
from .feature_cache import Features

_NO_CHANGE = FrameChange((), ())


@dataclass(frozen=True)
class View:
    """How a batch is changed where the model is.

    Attributes:
        on_features: what is to be done to features before the model runs.
        on_hidden: what is to be done to what the model's first layers give.
        version: which of its clips' versions it is before that, 0 being the clips as they are;
            None: one that never comes again.
    """

    on_features: FrameChange = _NO_CHANGE
    on_hidden: FrameChange = _NO_CHANGE
    version: int | None = 0


@dataclass(frozen=True)
class Batch:
    """Clips ready for the model.

    Attributes:
        clips: what is in it.
        features: float32 `[batch, frames, values]`, zero beyond each clip's length.
        lengths: int64 `[batch]`, frames of each clip.
        labels: int64 `[all labels]`, those of each clip after one another.
        label_lengths: int64 `[batch]`.
        augmented: whether `features` are not those of the clips as they are.
        views: what the model hears of it, one or several that are to be heard alike.
        weights: float32 `[batch]`, of each clip's loss; None: all are 1.
    """

    clips: tuple[Clip, ...]
    features: Tensor
    lengths: Tensor
    labels: Tensor
    label_lengths: Tensor
    augmented: bool = False
    views: tuple[View, ...] = (View(),)
    weights: Tensor | None = None


def collate(
    clips: Sequence[Clip], features: Sequence[Features], labels: Sequence[Sequence[int]]
) -> Batch:
    """Return a batch of clips with the features `[frames, values]` and labels of each."""
    tensors = [torch.from_numpy(one) for one in features]
    return Batch(
        clips=tuple(clips),
        features=torch.nn.utils.rnn.pad_sequence(tensors, batch_first=True),
        lengths=torch.tensor([len(one) for one in features]),
        labels=torch.tensor([label for one in labels for label in one]).long(),
        label_lengths=torch.tensor([len(one) for one in labels]),
    )
