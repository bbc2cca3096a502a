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

    The probability of a set of paths is kept as a mantissa and an exponent: it does not underflow,
    and summing needs no logarithms.

    Args:
        log_probs: float32 `[batch, frames, classes]`, contiguous; the last class is the blank.
        lengths: int64 `[batch]`, number of frames of each clip.
        labels: int64 `[sum of label_lengths]`, labels of all clips, concatenated.
        label_lengths: int64 `[batch]`, number of labels of each clip.
        occupancies: float32 `[batch, frames, classes]`, contiguous. To each element is added the
            posterior probability of the class in that frame, given the clip's labels. This is the
            negative gradient of the losses with respect to `log_probs`; with respect to logits,
            the gradient is `exp(log_probs)` minus this.
        threads: number of threads.

    Returns:
        float32 `[batch]`; infinite if no path yields the labels, NaN if a log-probability on their
        paths is NaN or +infinity. The occupancies of such clips are not changed.

    Raises:
        DecodeError: lengths or labels of a clip do not fit; names the clip.
        TypeError: an array has another dtype or shape.
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
