"""Power laws of learning: error = a + b * n^-c, fitted to measured error rates.

Errors of models fall so with the data they are trained on, over orders of magnitude
(https://arxiv.org/abs/1712.00409). What cannot be learned from more of the same data is `a`.

For a given c, the law is linear in a and b. So c is searched on a grid and the other two are
computed, exactly and neither below 0. Error rates scatter in proportion to themselves, so relative
deviations are what is least.

Intervals come from a parametric bootstrap: measurements are drawn around the fitted curve, with the
scatter that was seen, itself drawn from what it may be after so few of them, and are fitted like
the real ones. What each predicts, scattered like a measurement, says where the error rate of one
more training will lie. A fit easily takes scatter for a floor, so measurements are also drawn
around the best curve with a = 0, the more often the better that fits (weights by the Bayesian
information criterion).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_SIZES = 3  # distinct amounts of data: as many as the law has parameters
_EXPONENTS: Floats = np.geomspace(0.02, 2.0, 120)
_PARAMETERS = 3
_MOST_SCATTER = 1.0  # what few measurements cannot tell from even more
_LEAST_SCATTER = 0.005  # relative; rates are no exact numbers, however well they lie on a curve


@dataclass(frozen=True)
class PowerLaw:
    """error = a + b * n^-c.

    Attributes:
        a: the error that more data does not mend, 0 or more.
        b: of what it does, at n = 1; 0 or more.
        c: how fast it falls.
    """

    a: float
    b: float
    c: float

    def __call__(self, amount: float) -> float:
        """Return the error rate to expect of so much data."""
        return float(self.a + self.b * amount**-self.c)


@dataclass(frozen=True)
class Prediction:
    """What one training on so much data will give.

    Attributes:
        amount: of data.
        error: to expect.
        low: the error rate that so many trainings stay below.
        high: that so many stay above.
    """

    amount: float
    error: float
    low: float
    high: float


def fit(amounts: Sequence[float], errors: Sequence[float]) -> PowerLaw:
    """Return the law that lies nearest to measurements.

    Args:
        amounts: of data, above 0; several measurements may have the same.
        errors: their error rates, above 0.

    Raises:
        ValueError: fewer than `LEAST_SIZES` distinct amounts.
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
    """Return what more or less data will give, with the interval a training will lie in.

    Args:
        amounts: of data that was measured with.
        errors: their error rates.
        wanted: amounts to predict for.
        level: how probably the interval holds the next training.
        seed: of the bootstrap.
        draws: of the bootstrap.

    Raises:
        ValueError: fewer than `LEAST_SIZES` distinct amounts.
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
    """Return the best curves with and without a floor, `[2, measurements]`, and their chances."""
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
        amounts: `[measurements]`, around 1.
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
