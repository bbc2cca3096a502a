"""Power laws fitted to error rates: the curve is recovered, and the intervals are right."""

from __future__ import annotations

import numpy as np
import pytest

from coqui_stt_training.curves.power_law import PowerLaw, fit, predict

MINUTES = [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize(
    "law", [PowerLaw(0.05, 0.4, 0.5), PowerLaw(0.0, 0.9, 0.25), PowerLaw(0.1, 0.6, 1.2)]
)
def test_a_curve_without_scatter_is_found_and_goes_on(law: PowerLaw) -> None:
    found = fit(MINUTES, [law(minutes) for minutes in MINUTES])
    for minutes in (1.0, 3.0, 8.0, 80.0):
        assert found(minutes) == pytest.approx(law(minutes), rel=0.03)


def test_the_unit_of_data_does_not_matter() -> None:
    errors = [0.5, 0.36, 0.3, 0.21]
    by_minutes, by_hours = fit(MINUTES, errors), fit([m / 60 for m in MINUTES], errors)
    assert by_minutes(20.0) == pytest.approx(by_hours(20.0 / 60))


def test_errors_that_do_not_fall_are_a_level_and_nothing_is_below_zero() -> None:
    assert fit(MINUTES, [0.3, 0.31, 0.32, 0.33])(1000.0) == pytest.approx(0.314, abs=0.01)
    steep = fit(MINUTES, [0.8, 0.4, 0.2, 0.05])
    assert steep.a >= 0
    assert steep(1e6) >= 0


def test_two_amounts_are_no_curve() -> None:
    with pytest.raises(ValueError, match="needs 3 amounts of data, not 2"):
        fit([1, 1, 2, 2], [0.5, 0.4, 0.3, 0.3])


@pytest.mark.parametrize(
    ("law", "scatter"),
    [
        (PowerLaw(0.05, 0.4, 0.5), 0.05),
        (PowerLaw(0.0, 0.8, 0.3), 0.1),
        (PowerLaw(0.15, 0.3, 0.9), 0.03),
    ],
)
@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_hold_as_many_trainings_as_they_say(
    law: PowerLaw, scatter: float, seeds: int
) -> None:
    """Draw measurements with scatter; count how often the interval contains the next training."""
    generator = np.random.default_rng(1)
    amounts = [minutes for minutes in MINUTES for _ in range(seeds)]
    held, curves = np.zeros(3), 80
    for number in range(curves):
        errors = [law(n) * np.exp(scatter * generator.standard_normal()) for n in amounts]
        predictions = predict(amounts, errors, [16, 40, 80], seed=number, draws=150)
        for place, one in enumerate(predictions):
            next_training = law(one.amount) * np.exp(scatter * generator.standard_normal())
            held[place] += one.low <= next_training <= one.high
            assert 0 < one.low <= one.error <= one.high
    assert (held / curves >= 0.7).all()
    assert held[0] / curves <= 0.97  # the intervals must not be needlessly wide


def test_more_scatter_and_farther_away_are_less_certain() -> None:
    generator = np.random.default_rng(2)
    law, amounts = PowerLaw(0.05, 0.4, 0.5), MINUTES * 3
    noise = generator.standard_normal(len(amounts))
    widths = []
    for scatter in (0.02, 0.1):
        errors = [law(n) * np.exp(scatter * e) for n, e in zip(amounts, noise, strict=True)]
        near, far = predict(amounts, errors, [16, 80])
        widths.append((near.high / near.low, far.high / far.low))
    assert widths[0][0] < widths[1][0]
    assert widths[0][1] < widths[1][1]
    assert all(near < far for near, far in widths)
    again = predict(amounts, errors, [16, 80])
    assert again == [near, far]
