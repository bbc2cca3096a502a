"""Power laws of learning: error = a + b * n^-c, fitted to measured error rates.

Error rates follow this law over orders of magnitude of training data
(https://arxiv.org/abs/1712.00409). `a` is the error that more of the same data does not reduce.

For a given c, the law is linear in a and b. So c is searched on a grid, and a and b are computed
exactly, with neither below 0. The standard deviation of an error rate is proportional to the rate,
so the fit minimizes relative deviations.

Intervals come from a parametric bootstrap. Measurements are drawn around the fitted curve and
fitted like the real ones. Their standard deviation is the observed one, itself drawn from its
distribution after so few measurements. The predictions of these curves, with the same deviation
added, are the distribution of one more training's error rate. A fit easily mistakes random
deviations for a floor `a`. So measurements are also drawn around the best curve with a = 0; the
Bayesian information criterion says how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_SIZES = 3  # least number of distinct amounts of data: the law has three parameters
_EXPONENTS: Floats = np.geomspace(0.02, 2.0, 120)
_PARAMETERS = 3
_MOST_SCATTER = 1.0  # relative; with few measurements, the estimate may be far too large
_LEAST_SCATTER = 0.005  # relative; error rates are never exact, even if all lie on a curve


@dataclass(frozen=True)
class PowerLaw:
    """error = a + b * n^-c.

    Attributes:
        a: error that more data does not reduce, 0 or more.
        b: error at n = 1 that more data reduces, 0 or more.
        c: exponent: how fast the error falls.
    """

    a: float
    b: float
    c: float

    def __call__(self, amount: float) -> float:
        """Return the expected error rate with this amount of data."""
        return float(self.a + self.b * amount**-self.c)


@dataclass(frozen=True)
class Prediction:
    """The predicted error rate of one training.

    Attributes:
        amount: amount of data.
        error: expected error rate.
        low: lower end of the interval.
        high: upper end of the interval.
    """

    amount: float
    error: float
    low: float
    high: float


def fit(amounts: Sequence[float], errors: Sequence[float]) -> PowerLaw:
    """Fit a power law to measurements.

    Args:
        amounts: amount of data of each measurement, above 0; amounts may repeat.
        errors: error rate of each measurement, above 0.

    Raises:
        ValueError: there are fewer than `LEAST_SIZES` distinct amounts.
    """
    if len(set(amounts)) < LEAST_SIZES:
        raise ValueError(
            f"a power law needs {LEAST_SIZES} amounts of data, not {len(set(amounts))}"
        )
    scale = _scale(amounts)
    (a,), (b,), (c,) = _fit_all(np.array(amounts) / scale, np.array([errors]))
    return PowerLaw(float(a), float(b * scale**c), float(c))


def predict(
    amounts: Sequence[float],
    errors: Sequence[float],
    wanted: Sequence[float],
    *,
    level: float = 0.8,
    seed: int = 0,
    draws: int = 1000,
) -> list[Prediction]:
    """Predict the error rate of one training with other amounts of data.

    Args:
        amounts: amount of data of each measurement.
        errors: error rate of each measurement.
        wanted: amounts to predict for.
        level: probability that the interval contains the error rate of the training.
        seed: seed of the bootstrap.
        draws: number of bootstrap draws.

    Raises:
        ValueError: there are fewer than `LEAST_SIZES` distinct amounts.
    """
    law = fit(amounts, errors)
    scale = _scale(amounts)
    places, rates = np.array(amounts) / scale, np.array(errors)
    generator = np.random.default_rng(seed)
    curves, chances = _possible_curves(places, rates)
    chosen = generator.choice(len(curves), draws, p=chances)
    free = max(1, len(amounts) - _PARAMETERS)
    scatter = np.sqrt(np.square(rates / curves - 1).sum(1) / free).clip(_LEAST_SCATTER)[chosen]
    scatter = (scatter * np.sqrt(free / generator.chisquare(free, draws))).clip(max=_MOST_SCATTER)
    drawn = curves[chosen] * _scattered(scatter[:, None], (draws, len(amounts)), generator)
    a, b, c = _fit_all(places, drawn)
    found = []
    for amount in wanted:
        values = a + b * (amount / scale) ** -c
        values = values * _scattered(scatter, (draws,), generator)
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2]).tolist()
        error = law(amount)
        found.append(Prediction(amount, error, min(low, error), max(high, error)))
    return found


def _scale(amounts: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(amounts))))


def _scattered(scatter: Floats, shape: tuple[int, ...], generator: np.random.Generator) -> Floats:
    drawn: Floats = np.exp(scatter * generator.standard_normal(shape))
    return drawn


def _possible_curves(amounts: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Return the best curves with and without a floor, `[2, measurements]`, and probabilities."""
    found = []
    for floor in (True, False):
        (a,), (b,), (c,) = _fit_all(amounts, errors[None], floor=floor)
        found.append(a + b * amounts**-c)
    curves, count = np.array(found), len(amounts)
    costs = np.square(errors / curves - 1).sum(1).clip(count * _LEAST_SCATTER**2)
    evidence = -count / 2 * np.log(costs) - np.log(count) / 2 * np.array([1, 0])
    chances = np.exp(evidence - evidence.max())
    return curves, chances / chances.sum()


def _fit_all(
    amounts: Floats, errors: Floats, *, floor: bool = True
) -> tuple[Floats, Floats, Floats]:
    """Fit many curves over the same amounts.

    Args:
        amounts: `[measurements]`, with a geometric mean of 1.
        errors: `[curves, measurements]`.
        floor: whether a may be above 0.

    Returns:
        a, b and c, `[curves]` each.
    """
    powers = amounts[None] ** -_EXPONENTS[:, None]  # [exponents, measurements]
    weights = 1 / np.square(errors)  # [curves, measurements]
    total = weights.sum(1)[:, None]
    x, xx = weights @ powers.T, weights @ np.square(powers).T  # [curves, exponents]
    y, xy = (weights * errors).sum(1)[:, None], (weights * errors) @ powers.T
    spread = np.maximum(total * xx - np.square(x), 1e-12 * total * xx)
    b = np.maximum((total * xy - x * y) / spread, 0.0)
    a = (y - b * x) / total
    without_floor = (a < 0) if floor else np.ones_like(a, bool)
    b = np.where(without_floor, xy / xx, b)
    a = np.where(without_floor, 0.0, a)
    yy = (weights * np.square(errors)).sum(1)[:, None]
    cost = yy + a * a * total + b * b * xx - 2 * a * y - 2 * b * xy + 2 * a * b * x
    best = cost.argmin(1)
    rows = np.arange(len(errors))
    return a[rows, best], b[rows, best], _EXPONENTS[best]
