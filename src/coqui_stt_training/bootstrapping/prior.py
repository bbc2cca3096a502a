"""The prior probability of each class, for the initial bias of a new output layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def log_prior(labels: Iterable[Sequence[int]], frames: int, n_classes: int) -> NDArray[np.float32]:
    """Return the logarithm of each class's share of the output frames, float32 `[classes]`.

    Each label of a transcript counts as one frame and all other frames as blank, as in trained CTC
    models, which are peaky. One is added to each count, so that no probability is zero.

    Args:
        labels: labels of each transcript.
        frames: number of output frames of all clips.
        n_classes: number of classes: the labels, and the blank, which is the last.
    """
    counts = np.ones(n_classes)
    for transcript in labels:
        np.add.at(counts, np.asarray(transcript, dtype=np.intp), 1)
    counts[-1] += max(0.0, frames - (counts[:-1].sum() - (n_classes - 1)))
    logarithm: NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
    return logarithm
