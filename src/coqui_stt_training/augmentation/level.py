"""Levels of audio in dBFS: 0 dB is the level of a sine at full scale, whose peak is 3.01 dB."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

FULL_SINE_DB = 3.0103
_SILENCE = 1e-16


def dbfs(amplitude: float) -> float:
    """Return the level of a constant or root-mean-square amplitude."""
    return 20.0 * math.log10(max(_SILENCE, amplitude)) + FULL_SINE_DB


def peak_dbfs(samples: NDArray[np.floating]) -> float:
    """Return the level of the loudest sample."""
    return dbfs(float(np.abs(samples).max(initial=0.0)))


def gain(decibels: float) -> float:
    """Convert decibels to an amplitude factor."""
    return float(10.0 ** (decibels / 20.0))


def at_peak_dbfs(samples: NDArray[np.floating], level: float) -> NDArray[np.float32]:
    """Scale samples so that the loudest has this level, at most full scale."""
    louder = samples * gain(level - peak_dbfs(samples))
    return np.asarray(louder.clip(-1.0, 1.0), np.float32)
