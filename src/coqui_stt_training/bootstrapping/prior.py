"""How often a new output layer says each label before it has heard anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def log_prior(labels: Iterable[Sequence[int]], frames: int, n_classes: int) -> NDArray[np.float32]:
    """Return the logarithm of each class's share of the frames, float32 `[classes]`.

    Each label is one frame and all others are blank, which is how peaky CTC models end up. Every
    class counts once more than it occurs, so that none is impossible.

    Args:
        labels: of each transcript.
        frames: of the model's output, over all clips.
        n_classes: labels and the blank, which is the last.
    """
    counts = np.ones(n_classes)
    for transcript in labels:
        np.add.at(counts, np.asarray(transcript, dtype=np.intp), 1)
    counts[-1] += max(0.0, frames - (counts[:-1].sum() - (n_classes - 1)))
    logarithm: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
    return logarithm
