"""How sure an error rate is, by the bootstrap: clips, or speakers, are drawn again and again.

Bisani and Ney, 2004: Bootstrap estimates for confidence intervals in ASR performance evaluation.
Clips of one speaker are alike, so speakers are drawn where they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_LEAST_DRAWS, _MOST_DRAWS = 200, 1000
_MOST_DRAWN = 20_000_000  # units in all draws of one estimate: some seconds
_LEAST_GROUPS = 10  # fewer speakers say less of how they differ than their clips do
_SHARE_OUTSIDE = 0.05

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Rate:
    """Errors over length, with the interval that holds 95 of 100 draws."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """Rate of one model minus that of another on the same clips.

    Attributes:
        rate: the difference, negative where the first is better.
        chance: how likely so great a difference, either way, is where there is none.
    """

    rate: Rate
    chance: float


@dataclass(frozen=True)
class Units:
    """What is drawn: clips, or speakers with all their clips.

    Attributes:
        of_clip: the number of each clip's unit, `[clips]`.
        count: of units.
        name: what they are.
    """

    of_clip: Counts
    count: int
    name: str

    def summed(self, values: Counts) -> NDArray[np.float64]:
        """Return sums of the clips' values over each unit, float64 `[units]`."""
        sums = np.bincount(self.of_clip, weights=values, minlength=self.count)
        return sums.astype(np.float64)


def units_of(speakers: Sequence[str]) -> Units:
    """Return what to draw, by each clip's speaker, which is empty where it is unknown."""
    names, of_clip = np.unique(np.array(speakers, dtype=object).astype(str), return_inverse=True)
    if len(names) < _LEAST_GROUPS or "" in names:
        return Units(np.arange(len(speakers)), len(speakers), "clips")
    return Units(of_clip.astype(np.int64), len(names), "speakers")


def rate_of(errors: Counts, lengths: Counts, units: Units, seed: int = 0) -> Rate:
    """Return the rate over all clips.

    Args:
        errors: of each clip, int64 `[clips]`.
        lengths: of each clip's reference, int64 `[clips]`.
        units: what is drawn.
        seed: of the draws.
    """
    value = float(errors.sum() / max(1, lengths.sum()))
    if units.count < 2:
        return Rate(value, value, value)
    wrong, long = _draws([units.summed(errors), units.summed(lengths)], seed)
    return Rate(value, *_interval(wrong / np.maximum(1, long)))


def difference_of(errors: Counts, others: Counts, lengths: Counts, units: Units) -> Difference:
    """Compare two models on the same clips, drawing the same ones for both.

    Args:
        errors: of one model, int64 `[clips]`.
        others: of the other.
        lengths: of each clip's reference, int64 `[clips]`.
        units: what is drawn.
    """
    value = float((errors - others).sum() / max(1, lengths.sum()))
    if units.count < 2:
        return Difference(Rate(value, value, value), 1.0)
    wrong, long = _draws([units.summed(errors - others), units.summed(lengths)], seed=0)
    drawn = wrong / np.maximum(1, long)
    # One more than was counted, as this very sample is a draw, too: never a chance of 0.
    tails = [(np.count_nonzero(side) + 1) / (len(drawn) + 1) for side in (drawn <= 0, drawn >= 0)]
    return Difference(Rate(value, *_interval(drawn)), float(min(1.0, 2 * min(tails))))


def _draws(values: Sequence[NDArray[np.float64]], seed: int) -> list[NDArray[np.float64]]:
    """Return the sums of values over units that are drawn again and again, `[draws]` each."""
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
