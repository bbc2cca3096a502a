"""The syntax of `--augment`, and random draws that depend only on seed, epoch and clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.augmentation.chance import Draw, draw_augmentations
from coqui_stt_training.augmentation.kinds import KINDS, Number
from coqui_stt_training.augmentation.specification import (
    Augmentation,
    parse_augmentations,
    settle_domains,
)
from coqui_stt_training.errors import FlagError


def parse(text: str) -> Augmentation:
    (found,) = parse_augmentations([text])
    return found


def draw(text: str, *key: object, clock: float = 0.0) -> Draw:
    (drawn,) = draw_augmentations([parse(text)], clock, *key)
    return drawn


def test_defaults_are_upstreams() -> None:
    reverb = parse("reverb")
    assert (reverb.probability, reverb.domain) == (1.0, "samples")
    assert reverb.ranges == {"delay": (20.0, 20.0, 0.0), "decay": (10.0, 10.0, 0.0)}
    assert parse("volume").ranges["dbfs"] == (3.0103, 3.0103, 0)
    assert parse("time_mask").ranges == {"n": (3, 3, 0), "size": (10.0, 10.0, 0.0)}


def test_values_are_read() -> None:
    mask = parse(" time_mask[p=0.1, domain=signal,n=3:10~2,size=50:100~40] ")
    assert (mask.name, mask.probability, mask.domain) == ("time_mask", 0.1, "signal")
    assert mask.ranges == {"n": (3, 10, 2), "size": (50.0, 100.0, 40.0)}
    assert str(mask) == "time_mask[p=0.1,n=3:10~2,size=50:100~40,domain=signal]"
    assert parse("specaugment_lowresource").name == "specaugment-lowresource"


@pytest.mark.parametrize("name", KINDS)
def test_what_is_shown_can_be_asked_for(name: str) -> None:
    needed = [key for key, one in KINDS[name].parameters.items() if one.default is None]
    one = parse(f"{name}[{','.join(f'{key}=x' for key in needed)}]")
    assert parse(str(one)) == one
    assert {key for key, one in KINDS[name].parameters.items() if isinstance(one, Number)} == set(
        one.ranges
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("reverb[", "--augment reverb[: write NAME or NAME[PARAMETER=VALUE,...]"),
        ("timemask", "unknown augmentation timemask (nearest: time_mask)"),
        ("blur", "unknown augmentation blur; available: overlay, "),
        ("specaugmnt[t=1]", "(nearest: specaugment)"),
        ("reverb[dealy=3]", "reverb has no dealy (nearest: delay); it has p, delay, decay"),
        ("volume[p=2]", "p=2: must be a number from 0 to 1"),
        ("volume[p=x]", "p=x: must be a number from 0 to 1"),
        ("volume[3]", "3: write PARAMETER=VALUE"),
        ("volume[dbfs=1,dbfs=2]", "dbfs is given twice"),
        (
            "volume[dbfs=loud]",
            "dbfs=loud: write VALUE or START:END, optionally followed by ~RADIUS",
        ),
        ("volume[dbfs=nan]", "dbfs=nan: write VALUE"),
        ("volume[dbfs=1:2:3]", "dbfs=1:2:3: write VALUE"),
        ("volume[dbfs=1~-2]", "dbfs=1~-2: the radius behind ~ must be 0 or more"),
        ("volume[dbfs=-10:4]", "dbfs=-10:4: must be from -200 to 3.0103"),
        ("time_mask[n=1.5]", "with whole numbers"),
        ("add[domain=signl]", "domain=signl: add acts on features, signal"),
        ("speed[factor=0]", "factor=0: must be from 0.1 to 10"),
        ("speed[domain=signal]", "speed has no domain"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(wrong: str, said: str) -> None:
    with pytest.raises(FlagError) as caught:
        parse(wrong)
    assert said in str(caught.value)
    assert str(caught.value).startswith("--augment ")
    assert "\n" not in str(caught.value)


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(FlagError) as caught:
        parse_augmentations(["echo", "volume[p=7,size=3]", "reverb", "speed[factor=fast]"])
    for said in ("unknown augmentation echo", "p=7", "no size", "factor=fast"):
        assert said in str(caught.value)


def test_auto_is_settled() -> None:
    asked = parse_augmentations(["specaugment", "specaugment[domain=features]", "volume"])
    for on_hidden, first in ((True, "hidden"), (False, "features")):
        settled = settle_domains(asked, on_hidden=on_hidden)
        assert [one.domain for one in settled] == [first, "features", "samples"]


def test_chance_follows_from_the_key_alone() -> None:
    one = [draw("volume[dbfs=-20~10]", 1, 2, "clip").values().pick("dbfs") for _ in range(2)]
    assert one[0] == one[1]
    keys = [(seed, epoch, clip) for seed in (1, 2) for epoch in (0, 1) for clip in "ab"]
    drawn = {draw("volume[dbfs=-20~10]", *key).values().pick("dbfs") for key in keys}
    assert len(drawn) == len(keys)


def test_a_share_of_the_clips_is_changed() -> None:
    asked = parse_augmentations(["volume[p=0.3]", "reverb[p=0.3]", "speed[p=0]", "resample"])
    draws = [draw_augmentations(asked, 0.0, 7, clip) for clip in range(2000)]
    names = [[one.augmentation.name for one in drawn] for drawn in draws]
    shares = {one.name: np.mean([one.name in drawn for drawn in names]) for one in asked}
    assert shares["volume"] == pytest.approx(0.3, abs=0.04)
    assert shares["reverb"] == pytest.approx(0.3, abs=0.04)
    assert (shares["speed"], shares["resample"]) == (0.0, 1.0)
    both = np.mean([{"volume", "reverb"} <= set(drawn) for drawn in names])
    assert both == pytest.approx(0.09, abs=0.03)  # they are independent


@pytest.mark.parametrize(
    ("text", "clock", "least", "most"),
    [
        ("volume[dbfs=-10]", 0.7, -10.0, -10.0),
        ("volume[dbfs=-10:-40]", 0.0, -10.0, -10.0),
        ("volume[dbfs=-10:-40]", 0.5, -25.0, -25.0),
        ("volume[dbfs=-10:-40]", 1.0, -40.0, -40.0),
        ("volume[dbfs=-10:-40~5]", 0.5, -30.0, -20.0),
        ("volume[dbfs=-20~10]", 0.9, -30.0, -10.0),
    ],
)
def test_values_move_with_training(text: str, clock: float, least: float, most: float) -> None:
    values = draw(text, "clip", clock=clock).values()
    drawn = [values.pick("dbfs") for _ in range(500)]
    assert min(drawn) >= least
    assert max(drawn) <= most
    # Mean and extremes of a uniform distribution.
    assert np.mean(drawn) == pytest.approx((least + most) / 2, abs=(most - least) / 15 + 1e-9)
    assert max(drawn) - min(drawn) >= 0.95 * (most - least)


def test_whole_numbers_stay_whole() -> None:
    values = draw("time_mask[n=1:4~2]", "clip", clock=0.5).values()
    drawn = {values.pick("n") for _ in range(200)}
    assert drawn <= {0, 1, 2, 3, 4, 5}
    assert {1, 2, 3, 4} <= drawn
    assert all(isinstance(one, int) for one in drawn)


def test_the_documentation_has_every_kind_and_default() -> None:
    text = (Path(__file__).parents[2] / "docs/augmentation.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in text.splitlines() if row.startswith("| `")}
    for name, kind in KINDS.items():
        for parameter, declared in kind.parameters.items():
            assert f"`{parameter}" in rows[name], (name, parameter)
            if isinstance(declared, Number):
                default = declared.default
                shown = repr(default.start) + (f"~{default.r:g}" if default.r else "")
                shown = "-1" if shown == "-1.0" else shown
                assert f"`{parameter}={shown}`" in rows[name], (name, parameter, shown)
