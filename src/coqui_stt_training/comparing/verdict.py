"""Whether a difference between ways to train is statistically significant.

Chance enters in two ways: by the seed of a training, and by the choice of test clips. The interval
of a difference covers both. The standard deviation over seeds, relative to the error rate, is
assumed to be equal in both ways and is estimated from the trainings of both; since they are few,
the interval is that of Student's t. The part of the test clips is the standard error of a ratio of
sums over clips, for the differences between the two ways on the same clips.
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
_SEED = 0  # so that an interval is the same each time
_LEAST_RATE = 1e-4  # instead of 0, which has no logarithm


@dataclass(frozen=True)
class Summary:
    """The results of all trainings of one way.

    Attributes:
        name: name of the way.
        seeds: number of trainings.
        cer: mean character error rate.
        cer_spread: standard deviation of the CER; None with one training.
        wer: mean word error rate.
        wer_spread: standard deviation of the WER; None with one training.
        cpu_minutes: mean CPU time of the uninterrupted trainings; None without any.
        low: lower end of the interval of its CER minus the first way's; None for the first way, and
            if all ways have one training only.
        high: upper end of the interval.
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
        """The comparison with the first way in a word or three; empty without an interval."""
        if self.low is None or self.high is None:
            return ""
        if self.high < 0:
            return "better"
        return "worse" if self.low > 0 else "not told apart"

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {**asdict(self), "verdict": self.verdict}


def summarize(ways: Sequence[Sequence[ComparisonMeasurement]], level: float) -> list[Summary]:
    """Summarize each way, and compare it with the first.

    Args:
        ways: trainings of each way.
        level: probability that an interval contains the difference.
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
    """Return the interval of the difference in CER; None if both have one training only."""
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
    """Return the part of the standard error that is due to the choice of test clips.

    If the two ways were tested on different clips, because an alphabet lacks characters of some and
    bad rows are skipped, clips cannot be paired, and the variances of both add up.
    """
    if first[0].clip_lengths == other[0].clip_lengths:
        return _error_of_ratio(_mean_errors(other) - _mean_errors(first), first[0].clip_lengths)
    return math.hypot(
        *(_error_of_ratio(_mean_errors(way), way[0].clip_lengths) for way in (first, other))
    )


def _error_of_ratio(errors: NDArray[np.float64], clip_lengths: Sequence[int]) -> float:
    """Return the standard error of the ratio of summed errors to summed lengths."""
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
