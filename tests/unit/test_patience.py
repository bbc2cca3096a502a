"""Early stopping, and lower learning rates, after epochs without improvement in validation."""

from __future__ import annotations

import math

import pytest

from coqui_stt_training.cli.training_flags import ScheduleFlags
from coqui_stt_training.training.patience import Patience
from coqui_stt_training.training.progress import Progress


def course(losses: list[float], **flags: object) -> list[str]:
    """Return the decision after each validated epoch: `end`, `plateau`, or nothing."""
    patience = Patience(ScheduleFlags(**flags))  # type: ignore[arg-type]
    progress = Progress({}, begun_step=0, step=0, learning_rate=0.001)
    done = []
    for loss in losses:
        patience.count(progress, loss)
        end, plateau = patience.is_at_end(progress), patience.is_on_plateau(progress)
        done.append("end" if end else "plateau" if plateau else "")
    return done


def test_a_plateau_comes_again_and_again_before_the_end() -> None:
    flags = {"early_stop": True, "es_epochs": 5, "reduce_lr_on_plateau": True, "plateau_epochs": 2}
    assert course([3.0, 2.0, 2.5, 2.1, 2.1, 2.1, 2.1], **flags) == [
        *["", "", "", "plateau", "", "plateau", "end"]
    ]


def test_nothing_is_done_unasked() -> None:
    assert course([1.0] * 50, early_stop=False, reduce_lr_on_plateau=False) == [""] * 50


@pytest.mark.parametrize(("loss", "improves"), [(1.94, True), (1.96, False), (math.nan, False)])
def test_a_little_is_no_improvement(loss: float, improves: bool) -> None:
    flags = {"early_stop": True, "es_epochs": 1, "es_min_delta": 0.05}
    assert course([2.0, loss], **flags) == ["", "" if improves else "end"]


def test_small_steps_do_not_add_up_to_an_improvement_over_the_lowest_loss() -> None:
    flags = {"early_stop": True, "es_epochs": 3, "es_min_delta": 0.05}
    assert course([2.0, 1.98, 1.96, 1.94], **flags) == ["", "", "", "end"]
