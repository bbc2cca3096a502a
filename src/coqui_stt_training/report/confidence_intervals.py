"""Confidence intervals of error rates, by the bootstrap over clips or speakers.

Bisani and Ney, 2004: Bootstrap estimates for confidence intervals in ASR performance evaluation.
Clips of one speaker are not independent, so speakers are drawn if they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_DRAWS, _MOST_DRAWS = 200, 1000
_MOST_DRAWN = 20_000_000  # units in all draws of one estimate, which takes some seconds
_LEAST_GROUPS = 10  # with fewer speakers, drawing clips gives the better estimate
_SHARE_OUTSIDE = 0.05

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Rate:
    """An error rate with its 95 % confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """The error rate of one model minus that of another on the same clips.

    Attributes:
        rate: difference with its interval; negative if the first model is better.
        p_value: two-sided p-value of the difference.
    """

    rate: Rate
    p_value: float


@dataclass(frozen=True)
class Units:
    """The units that the bootstrap draws: clips, or speakers with all their clips.

    Attributes:
        of_clip: number of each clip's unit, int64 `[clips]`.
        count: number of units.
        name: `clips` or `speakers`.
    """

    of_clip: Counts
    count: int
    name: str

    def summed(self, values: Counts) -> NDArray[np.float64]:
        """Return sums of the clips' values over each unit, float64 `[units]`."""
        sums = np.bincount(self.of_clip, weights=values, minlength=self.count)
        return sums.astype(np.float64)


def units_of(speakers: Sequence[str]) -> Units:
    """Return the units to draw, given the speaker of each clip, which is empty if unknown."""
    names, of_clip = np.unique(np.array(speakers, dtype=object).astype(str), return_inverse=True)
    if len(names) < _LEAST_GROUPS or "" in names:
        return Units(np.arange(len(speakers)), len(speakers), "clips")
    return Units(of_clip.astype(np.int64), len(names), "speakers")


def rate_of(errors: Counts, lengths: Counts, units: Units, seed: int = 0) -> Rate:
    """Return the error rate over all clips, with its interval.

    Args:
        errors: number of errors of each clip, int64 `[clips]`.
        lengths: length of each clip's reference, int64 `[clips]`.
        units: units to draw.
        seed: seed of the draws.
    """
    value = float(errors.sum() / max(1, lengths.sum()))
    if units.count < 2:
        return Rate(value, value, value)
    wrong, long = _draws([units.summed(errors), units.summed(lengths)], seed)
    return Rate(value, *_interval(wrong / np.maximum(1, long)))


def difference_of(errors: Counts, others: Counts, lengths: Counts, units: Units) -> Difference:
    """Compare two models by a paired bootstrap: each draw takes the same clips for both.

    Args:
        errors: number of errors of the first model in each clip, int64 `[clips]`.
        others: number of errors of the second model in each clip, int64 `[clips]`.
        lengths: length of each clip's reference, int64 `[clips]`.
        units: units to draw.
    """
    value = float((errors - others).sum() / max(1, lengths.sum()))
    if units.count < 2:
        return Difference(Rate(value, value, value), 1.0)
    wrong, long = _draws([units.summed(errors - others), units.summed(lengths)], seed=0)
    drawn = wrong / np.maximum(1, long)
    # The sample itself counts as one more draw, so that the p-value is never 0.
    tails = [(np.count_nonzero(side) + 1) / (len(drawn) + 1) for side in (drawn <= 0, drawn >= 0)]
    return Difference(Rate(value, *_interval(drawn)), float(min(1.0, 2 * min(tails))))


def _draws(values: Sequence[NDArray[np.float64]], seed: int) -> list[NDArray[np.float64]]:
    """Return the sums of values over the units of each draw, float64 `[draws]` each."""
    count = len(values[0])
    generator = np.random.default_rng(seed)
    draws = int(np.clip(_MOST_DRAWN // count, _LEAST_DRAWS, _MOST_DRAWS))
    sums = [np.empty(draws) for _ in values]
    for number in range(draws):
        chosen = generator.integers(0, count, count, dtype=np.int32)
        for total, one in zip(sums, values, strict=True):
            total[number] = one[chosen].sum()
    return sums


def _interval(drawn: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(drawn, [_SHARE_OUTSIDE / 2, 1 - _SHARE_OUTSIDE / 2])
    return float(low), float(high)
