"""How far float32 results may lie from exact ones: tolerances that hold on every processor.

Processors add up in different orders, and some round a product and its addition once. What they
differ by follows from the arithmetic, not from what one of them printed:

- Each rounding is off by at most `UNIT` of the result, now up, now down, so that n of them are off
  by about sqrt(n) of it. Three times that leaves room for the largest of many thousand results. Of
  upstream's models the largest error of TensorFlow, PyTorch and NumPy, with any instruction set,
  is 0.2 to 0.9 times sqrt(n) units of the largest logit.
- Where few numbers are added up, or chance may search for the worst of them, the strict bound
  holds: n units of the sum of the sizes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_training.models.deepspeech.geometry import Geometry

UNIT = 2.0**-24  # relative error of one rounding to float32
_DEVIATIONS = 3


def rounding(additions: int, largest: float) -> float:
    """Return the tolerance of results with so many additions on the way, `largest` in size."""
    return _DEVIATIONS * float(np.sqrt(additions)) * UNIT * largest


def additions_of(geometry: Geometry) -> int:
    """Return how many numbers are added up on the way from a window to a logit."""
    return geometry.n_input + 6 * geometry.n_hidden  # layers 2, 3, 5, 6, and the LSTM's two


def logit_tolerance(geometry: Geometry, logits: NDArray[Any]) -> float:
    """Return the tolerance of logits, given the exact ones."""
    return rounding(additions_of(geometry), float(np.abs(logits).max()))


def probability_tolerance(geometry: Geometry, posteriors: NDArray[Any]) -> float:
    """Return the tolerance of probabilities, given the exact ones: dp <= d(logit) / 2.

    Logits are known from them but for a constant, which does not matter.
    """
    return logit_tolerance(geometry, np.log(np.maximum(posteriors, 1e-12))) / 2


def product_bound(weights: NDArray[Any], x: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
    """Return the strict bound of float32 products `x @ weights.T + bias`, for each result."""
    sizes = np.abs(x.astype(np.float64)) @ np.abs(weights.T) + np.abs(bias)
    bound: NDArray[Any] = (weights.shape[1] + 2) * UNIT * sizes
    return bound
