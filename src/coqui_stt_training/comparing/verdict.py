"""What of a difference between ways to train is more than chance.

Two things make one training come out better than another: its seed, and which clips happen to be in
the test set. Both are in the interval of a difference. The scatter of seeds is taken for the same
in both ways, in proportion to the error rate, so that few trainings of each tell it together; how
little they know of it widens the interval (Student's t). That of the clips is the standard error
of a ratio of sums over them, of the difference between the two ways clip by clip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .record import ComparisonMeasurement

_DRAWS = 20_000
_SEED = 0  # an interval is the same whenever it is found
_LEAST_RATE = 1e-4  # rates of 0 have no proportion


@dataclass(frozen=True)
class Summary:
    """What the trainings of one way came to.

    Attributes:
        name: of the way.
        seeds: how many trainings.
        cer: mean character error rate.
        cer_spread: its standard deviation; None with one training.
        wer: mean word error rate.
        wer_spread: likewise.
        cpu_minutes: mean, of the trainings that were not interrupted; None: of none.
        low: how much its CER is above the first way's, at least; None for that, and where the
            scatter is not known.
        high: at most.
    """

    name: str
    seeds: int
    cer: float
    cer_spread: float | None
    wer: float
    wer_spread: float | None
    cpu_minutes: float | None
    low: float | None = None
    high: float | None = None

    @property
    def verdict(self) -> str:
        """How it compares with the first way, in a word."""
        if self.low is None or self.high is None:
            return ""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "not told apart"

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "verdict": self.verdict}


def summarize(ways: Sequence[Sequence[ComparisonMeasurement]], level: float) -> list[Summary]:
    """Return what each way came to, held against the first.

    Args:
        ways: the trainings of each.
        level: how probably an interval is to hold the difference.
    """
    random = np.random.default_rng(_SEED)
    found = []
    for number, way in enumerate(ways):
        minutes = [one.cpu_minutes for one in way if one.cpu_minutes is not None]
        interval = _interval(ways[0], way, level, random) if number else None
        found.append(
            Summary(
                way[0].way, len(way),
                _mean_cer(way), _spread([one.cer for one in way]),
                float(np.mean([one.wer for one in way])), _spread([one.wer for one in way]),
                float(np.mean(minutes)) if minutes else None, *(interval or (None, None)),
            )
        )  # fmt: skip
    return found


def _interval(
    first: Sequence[ComparisonMeasurement],
    other: Sequence[ComparisonMeasurement],
    level: float,
    random: np.random.Generator,
) -> tuple[float, float] | None:
    """Return between what the difference of two ways lies; None: nothing tells of the scatter."""
    pair = (first, other)
    freedom = sum(len(way) - 1 for way in pair)
    if not freedom:
        return None
    logs = [np.log([max(one.cer, _LEAST_RATE) for one in way]) for way in pair]
    squares = sum(float(((log - log.mean()) ** 2).sum()) for log in logs)
    scatter = np.sqrt(squares / random.chisquare(freedom, _DRAWS))
    drawn = _error_of_clips(first, other) * random.standard_normal(_DRAWS)
    for sign, way in zip((-1, 1), pair, strict=True):
        error = _mean_cer(way) / math.sqrt(len(way)) * scatter
        drawn += sign * (_mean_cer(way) + error * random.standard_normal(_DRAWS))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _mean_cer(way: Sequence[ComparisonMeasurement]) -> float:
    return float(np.mean([one.cer for one in way]))


def _error_of_clips(
    first: Sequence[ComparisonMeasurement], other: Sequence[ComparisonMeasurement]
) -> float:
    """Return the standard error of a difference that comes from the choice of test clips.

    Where a way could not be tested on all, as its alphabet lacks their characters and bad rows are
    skipped, there are no pairs, and the errors of both add up.
    """
    if first[0].clip_lengths == other[0].clip_lengths:
        return _error_of_ratio(_mean_errors(other) - _mean_errors(first), first[0].clip_lengths)
    return math.hypot(
        *(_error_of_ratio(_mean_errors(way), way[0].clip_lengths) for way in (first, other))
    )


def _error_of_ratio(errors: NDArray[np.float64], clip_lengths: Sequence[int]) -> float:
    """Return the standard error of the sum of errors over that of lengths."""
    lengths = np.array(clip_lengths, float)
    if len(lengths) < 2:
        return 0.0
    residual = errors - lengths * errors.sum() / lengths.sum()
    variance = (residual**2).sum() * len(lengths) / (len(lengths) - 1)
    return float(math.sqrt(variance) / lengths.sum())


def _mean_errors(way: Sequence[ComparisonMeasurement]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.mean([one.clip_errors for one in way], axis=0)
    return mean


def _spread(rates: Sequence[float]) -> float | None:
    return float(np.std(rates, ddof=1)) if len(rates) > 1 else None
