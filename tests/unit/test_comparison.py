"""The significance of differences between ways to train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coqui_stt_training.comparing.record import ComparisonMeasurement
from coqui_stt_training.comparing.verdict import Summary, summarize
from coqui_stt_training.comparing.wording import conclusion, describe

CLIPS = 60


def trainings(
    name: str, rate: float, random: np.random.Generator, *, seeds: int = 3, scatter: float = 0.04
) -> list[ComparisonMeasurement]:
    """Return trainings of one way: rates vary by seed, and by clip in the same way for all ways."""
    hardness = np.random.default_rng(5).gamma(2.0, 0.5, CLIPS)
    found = []
    for seed in range(seeds):
        of_this = rate * np.exp(scatter * random.standard_normal())
        errors = random.poisson(of_this * hardness / hardness.mean() * 40)
        found.append(
            ComparisonMeasurement(
                name, seed, errors.sum() / (40 * CLIPS), 0.5, 1.5, tuple(errors.tolist()),
                (40,) * CLIPS, "the command",
            )
        )  # fmt: skip
    return found


def compared(*ways: list[ComparisonMeasurement], level: float = 0.9) -> list[Summary]:
    return summarize(ways, level)


def test_intervals_hold_what_they_say() -> None:
    random, held, rounds = np.random.default_rng(1), 0, 300
    for _ in range(rounds):
        _, other = compared(trainings("a", 0.2, random), trainings("b", 0.17, random), level=0.8)
        assert other.low is not None
        assert other.high is not None
        held += other.low <= -0.03 <= other.high
    assert 0.75 <= held / rounds <= 0.97


def test_ways_that_are_alike_are_seldom_told_apart() -> None:
    random = np.random.default_rng(2)
    told = [
        compared(trainings("a", 0.2, random), trainings("b", 0.2, random))[1].verdict
        for _ in range(200)
    ]
    assert told.count("not told apart") > 170


def test_a_large_difference_is_told() -> None:
    random = np.random.default_rng(3)
    plain, better, worse = (
        trainings(name, rate, random) for name, rate in (("a", 0.2), ("b", 0.1), ("c", 0.4))
    )
    found = compared(plain, better, worse)
    assert [one.verdict for one in found] == ["", "better", "worse"]
    assert conclusion(found).startswith("'b' is better than 'a', by 0.")
    assert conclusion(compared(better, plain)) == "None is better than 'b'."
    shown = "\n".join(describe(found, 0.9))
    assert "CER difference to 'a', 90% interval" in shown
    assert ": better" in shown


def test_more_trainings_tell_more() -> None:
    def width(seeds: int) -> float:
        random = np.random.default_rng(4)
        widths = []
        for _ in range(20):
            pair = [trainings(name, 0.2, random, seeds=seeds, scatter=0.2) for name in "ab"]
            other = compared(*pair)[1]
            widths.append((other.high or 0) - (other.low or 0))
        return float(np.mean(widths))

    assert width(10) < width(3) < width(2)


@pytest.mark.parametrize("ways", [1, 2])
def test_with_one_training_each_nothing_is_said(ways: int) -> None:
    random = np.random.default_rng(6)
    found = compared(*(trainings(name, 0.2, random, seeds=1) for name in "ab"[:ways]))
    assert [one.verdict for one in found] == [""] * ways
    assert [one.cer_spread for one in found] == [None] * ways
    assert ("--ways" if ways == 1 else "--seeds") in conclusion(found)
    assert ("CER difference to" in "\n".join(describe(found, 0.9))) == (ways == 2)


def test_models_that_have_not_learned_to_write_tell_of_no_way() -> None:
    random = np.random.default_rng(7)
    found = compared(trainings("a", 1.1, random), trainings("b", 1.0, random))
    assert "almost nothing" in conclusion(found)
    assert "coqui_stt_training.check" in conclusion(found)
    learned = compared(trainings("a", 1.0, random), trainings("b", 0.3, random))
    assert conclusion(learned).startswith("'b' is better than 'a'")


def test_models_without_errors_can_be_compared() -> None:
    none = [
        ComparisonMeasurement("a", seed, 0.0, 0.0, None, (0,) * 5, (9,) * 5, "the command")
        for seed in range(2)
    ]
    one, other = compared(none, none)
    assert (other.low, other.high) == (0.0, 0.0)
    assert other.verdict == "not told apart"
    assert one.cpu_minutes is None


def test_clips_that_one_way_could_not_be_tested_on_are_no_obstacle() -> None:
    random = np.random.default_rng(7)
    first, second = trainings("a", 0.2, random), trainings("b", 0.1, random)
    fewer = [
        replace(one, clip_errors=one.clip_errors[3:], clip_lengths=one.clip_lengths[3:])
        for one in second
    ]
    paired, apart = compared(first, second)[1], compared(first, fewer)[1]
    assert apart.verdict == "better"
    assert (apart.high or 0) - (apart.low or 0) > (paired.high or 0) - (paired.low or 0)
