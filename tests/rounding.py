"""Tolerances of float32 results that hold on every processor.

Processors add in different orders, and some round a product and its addition only once. The
tolerances are derived from the arithmetic, not from the output of one processor:

- One rounding has an error of at most `UNIT` times the result, up or down. The errors of n
  roundings add up to about sqrt(n) units. Three times that leaves room for the largest of many
  thousand results. For upstream's models, the largest error of TensorFlow, PyTorch and NumPy, with
  any instruction set, is 0.2 to 0.9 times sqrt(n) units of the largest logit.
- For sums of few numbers, and for random tests that may find the worst case, the strict bound
  holds: n units of the sum of the absolute values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_training.models.deepspeech.geometry import Geometry

UNIT = 2.0**-24  # relative error of one rounding to float32
_DEVIATIONS = 3


def rounding(additions: int, largest: float) -> float:
    """Return the tolerance of results of so many additions, of absolute value up to `largest`."""
    return _DEVIATIONS * float(np.sqrt(additions)) * UNIT * largest


def additions_of(geometry: Geometry) -> int:
    """Return the number of additions between a window of features and a logit."""
    return geometry.n_input + 6 * geometry.n_hidden  # layers 2, 3, 5, 6 and the LSTM's two products


def logit_tolerance(geometry: Geometry, logits: NDArray[Any]) -> float:
    """Return the tolerance of logits, given the exact ones."""
    return rounding(additions_of(geometry), float(np.abs(logits).max()))


def probability_tolerance(geometry: Geometry, posteriors: NDArray[Any]) -> float:
    """Return the tolerance of probabilities, given the exact ones: dp <= d(logit) / 2.

    The logarithms of probabilities are logits up to a constant, which does not matter.
    """
    return logit_tolerance(geometry, np.log(np.maximum(posteriors, 1e-12))) / 2


def product_bound(weights: NDArray[Any], x: NDArray[Any], bias: NDArray[Any]) -> NDArray[Any]:
    """Return the strict error bound of each float32 result of `x @ weights.T + bias`."""
    sizes = np.abs(x.astype(np.float64)) @ np.abs(weights.T) + np.abs(bias)
    bound: NDArray[Any] = (weights.shape[1] + 2) * UNIT * sizes
    return bound
