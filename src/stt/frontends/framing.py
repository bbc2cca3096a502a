"""Cutting samples into frames, on NumPy arrays and PyTorch tensors alike."""

from __future__ import annotations

from typing import Any

import numpy as np


def zeros_around(samples: Any, before: int, after: int, backend: Any) -> Any:
    """Return `[samples]` with zeros before and after, of the same kind."""
    where = {} if backend is np else {"device": samples.device}
    padded = backend.zeros(before + samples.shape[-1] + after, dtype=samples.dtype, **where)
    padded[before : before + samples.shape[-1]] = samples
    return padded


def frames_of(samples: Any, length: int, step: int, backend: Any) -> Any:
    """Return all whole frames of `[samples]`, a view `[frames, length]`."""
    if backend is np:
        return np.lib.stride_tricks.sliding_window_view(samples, length)[::step]
    return samples.unfold(-1, length, step)


def normalized_over_time(features: Any, floor: float, backend: Any, *, inside: bool) -> Any:
    """Bring each value of `[frames, values]`, two frames or more, to mean 0 and deviation 1.

    Args:
        features: float64.
        floor: what keeps silence from being divided by zero.
        backend: the module of the arrays.
        inside: whether it is added to the variance, or to the deviation.
    """
    count = features.shape[0]
    deviation = features - features.mean(0)
    variance = (deviation**2).sum(0) / max(1, count - 1)
    scale = (variance + floor) ** 0.5 if inside else variance**0.5 + floor
    return backend.asarray(deviation / scale, dtype=backend.float32)
