"""Changing tempo or pitch of samples independently, for models that take samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def stretched(samples: Samples, rate_hz: int, *, tempo: float = 1.0, pitch: float = 1.0) -> Samples:
    """Change tempo and pitch with Signalsmith Stretch.

    Args:
        samples: float32 `[samples]`.
        rate_hz: sample rate.
        tempo: tempo factor; 2 is twice as fast.
        pitch: frequency factor; 2 is an octave up.
    """
    from python_stretch import Signalsmith

    stretch = Signalsmith.Stretch()
    stretch.preset(1, float(rate_hz))
    stretch.setTimeFactor(tempo)
    stretch.setTransposeFactor(pitch)
    wanted = int(len(samples) / tempo)
    # The library compensates its own delay, and needs one more block to output the end.
    padded = np.pad(samples, (0, 2 * stretch.blockSamples()))
    made: Samples = stretch.process(padded[None])[0]  # type: ignore[index, assignment]
    return np.pad(made[:wanted], (0, max(0, wanted - len(made))))
