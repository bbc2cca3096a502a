"""The CTC loss on a CPU, and its gradient. See `native/ctc/ctc_loss.h`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .native import _native

_NOTHING = np.empty((0, 0, 0), np.float32)


def ctc_loss(
    log_probs: NDArray[np.float32],
    lengths: NDArray[np.int64],
    labels: NDArray[np.int64],
    label_lengths: NDArray[np.int64],
    *,
    occupancies: NDArray[np.float32] | None = None,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Return the negative log-likelihood of each clip's labels.

    Sums of paths are exact to the rounding of floats, however improbable they are, and cost no
    logarithms: each is kept as a mantissa and an exponent.

    Args:
        log_probs: float32 `[batch, frames, classes]`, contiguous; the last class is the blank.
        lengths: int64 `[batch]`, frames of each clip.
        labels: int64 `[sum of label_lengths]`, those of all clips, one clip after the other.
        label_lengths: int64 `[batch]`.
        occupancies: float32 `[batch, frames, classes]`, contiguous: how probably a path that says
            a clip's labels is in each class is added to it. That is the negative gradient of the
            losses by `log_probs`; by logits it is `exp(log_probs)` less that.
        threads: how many to use.

    Returns:
        float32 `[batch]`; infinite where no path says the labels, NaN where a log-probability of
        theirs is NaN. The occupancies of such clips stay as they are.

    Raises:
        DecodeError: lengths or labels do not fit; names the clip.
        TypeError: an array has another type or shape.
    """
    losses = np.empty(len(log_probs), np.float32)
    _native.ctc_loss(
        log_probs,
        lengths,
        labels,
        label_lengths,
        threads,
        losses,
        _NOTHING if occupancies is None else occupancies,
    )
    return losses
