"""The number of epochs for a recipe's steps, given the data and the flags."""

from __future__ import annotations

from typing import Any

import pytest

from coqui_stt_training.corpus.duration import Amount
from coqui_stt_training.runs.course import Batches, Course, Phase, describe_course

COURSE = Course(Batches(16.0, (4, 16)), everything=Phase(400, (4, 20)), head=Phase(300, (2, 40)))
SOME = Amount(240, 960.0)  # clips of 4 seconds: 4 clips in a batch, 60 steps in an epoch


@pytest.mark.parametrize(
    ("clips", "clip_seconds", "size", "head", "everything"),
    [
        (50, 3.0, 5, 30, 20),  # 10 steps in an epoch: 30 epochs for 300; 400 exceed the maximum
        (240, 4.0, 4, 5, 7),
        (720, 1.0, 16, 7, 9),
        (4000, 10.0, 4, 2, 4),  # the minimum of epochs, however many steps these have
        (1, 0.0, 4, 40, 20),
        (43, 1.9, 5, 35, 20),  # with 8 clips in a batch, there would be only 5 batches
    ],
)
def test_data_makes_epochs_of_steps(
    clips: int, clip_seconds: float, size: int, head: int, everything: int
) -> None:
    flags = COURSE.flags(Amount(clips, clips * clip_seconds), {})
    assert flags == {
        "train_batch_size": size, "dev_batch_size": size, "epochs": head + everything,
        "unfreeze_after_epochs": head, "unfreeze_wait_epochs": 2 * head,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "epochs", "head"),
    [
        ({"train_batch_size": 8}, 23, 10),
        ({"train_batch_size": 2, "gradient_accumulation_steps": 4}, 23, 10),
        ({"train_batch_seconds": 32.0}, 23, 10),
        ({"epochs": 6}, 6, 2),  # in the proportions of the plan
        ({"epochs": 2}, 2, 1),
        ({"epochs": 1}, 1, None),
        ({"epochs": 100}, 100, 5),  # the head gets no more epochs than in the plan
        ({"unfreeze_after_epochs": 3}, 10, 3),
        ({"unfreeze_after_epochs": 0}, 5, None),  # only the head is trained, to the end
        ({"freeze_source_layers": -1}, 5, None),
        ({"freeze_source_layers": 3, "unfreeze_after_epochs": 2}, 9, 2),
        ({"freeze_source_layers": 0}, 7, None),
        ({"adapter": "lora"}, 7, None),
    ],
)
def test_the_rest_follows_what_is_given(
    given: dict[str, Any], epochs: int, head: int | None
) -> None:
    flags = {**COURSE.flags(SOME, given), **given}
    assert flags["epochs"] == epochs
    assert flags.get("unfreeze_after_epochs", 0) == (head or 0)
    assert bool(flags.get("unfreeze_wait_epochs")) == (head is not None and "epochs" not in given)


def test_it_is_said_in_words() -> None:
    assert describe_course(SOME, COURSE.flags(SOME, {})) == (
        "5 epochs for the head alone and 7 for everything, of 60 steps each, 4 clips in a step"
    )
    alone = {"freeze_source_layers": -1}
    assert describe_course(SOME, COURSE.flags(SOME, alone)) == (
        "5 epochs of 60 steps, 4 clips in each"
    )
