"""Cuts samples into frames; works on NumPy arrays and PyTorch tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def zeros_around(samples: Any, before: int, after: int, backend: Any) -> Any:
    """Return `[before + samples + after]`: samples with zeros before and after."""
    where = {} if backend is np else {"device": samples.device}
    padded = backend.zeros(before + samples.shape[-1] + after, dtype=samples.dtype, **where)
    padded[before : before + samples.shape[-1]] = samples
    return padded


def frames_of(samples: Any, length: int, step: int, backend: Any) -> Any:
    """Return all complete frames of `[samples]`, a view `[frames, length]`."""
    if backend is np:
        return windows_of(samples, length, step)
    return samples.unfold(-1, length, step)


def windows_of(values: NDArray[Any], length: int, step: int = 1) -> NDArray[Any]:
    """Return all complete windows over the first axis, a view `[windows, length, ...]`.

    NumPy's `sliding_window_view` takes 20 us, half the time needed for the features of a short
    chunk.
    """
    values = np.ascontiguousarray(values)
    count = max(0, 1 + (len(values) - length) // step)
    shape = (count, length, *values.shape[1:])
    strides = (step * values.strides[0], *values.strides)
    windows: NDArray[Any] = np.ndarray(shape, values.dtype, values, 0, strides)
    return windows


def normalized_over_time(features: Any, floor: float, backend: Any, *, inside: bool) -> Any:
    """Normalise each value over the frames to mean 0 and standard deviation 1; return float32.

    Args:
        features: float64 `[frames, values]`.
        floor: number added to avoid a division by zero in silence.
        backend: module of the arrays: `numpy` or `torch`.
        inside: whether `floor` is added to the variance instead of the standard deviation.
    """
    count = features.shape[0]
    deviation = features - features.mean(0)
    variance = (deviation**2).sum(0) / max(1, count - 1)
    scale = (variance + floor) ** 0.5 if inside else variance**0.5 + floor
    return backend.asarray(deviation / scale, dtype=backend.float32)
