"""The choice of the best epoch: never one of random output or silence, then the lowest CER."""

from __future__ import annotations

import math

import pytest

from coqui_stt_training.training.best import BestRule, deaf_loss
from coqui_stt_training.training.progress import Progress

TEXT = "she had your dark suit in greasy wash water all year"


def new_progress() -> Progress:
    return Progress({}, begun_step=0, step=0, learning_rate=0.001)


def best_of(rule: BestRule, epochs: list[tuple[float, float]], progress: Progress) -> list[int]:
    """Return the numbers of the epochs, given as (loss, CER), that became the best so far."""
    taken = []
    for number, (loss, cer) in enumerate(epochs):
        if rule.take(progress, loss, cer):
            progress.best_checkpoint = f"best_dev-{number}"
            taken.append(number)
        lowest = math.inf if progress.best_dev_loss is None else progress.best_dev_loss
        progress.best_dev_loss = min(lowest, loss)
    return taken


def test_a_model_that_hears_nothing_has_the_loss_of_guessing() -> None:
    assert deaf_loss(["ab", "ba"]) == pytest.approx(2 * math.log(2))
    assert deaf_loss(["aaaa"]) == 0
    assert deaf_loss([]) == 0
    assert deaf_loss([TEXT]) == pytest.approx(134.77, abs=0.01)


@pytest.mark.parametrize(
    ("deaf", "epochs", "taken"),
    [
        # One clip, LDC93S1: random output, then silence, then the first letters.
        (134.8, [(236.4, 0.981), (202.5, 1.0), (146.0, 1.0), (147.4, 1.0)], [0, 1, 2]),
        (134.8, [(236.4, 0.9), (138.2, 1.0), (134.4, 1.0), (120.0, 0.95)], [0, 1, 2, 3]),
        # an4 from new weights.
        (49.3, [(55.3, 0.9), (51.8, 1.0), (48.0, 0.98), (42.9, 0.90)], [0, 1, 2, 3]),
        # After the model has learnt something, only the CER counts, even if the loss rises.
        (49.3, [(40.0, 0.5), (24.0, 0.31), (23.0, 0.32), (55.0, 0.29), (24.5, 0.30)], [0, 1, 3]),
        # Of equal CERs, the lower loss.
        (49.3, [(40.0, 0.5), (39.0, 0.5), (39.5, 0.5)], [0, 1]),
        # A loss that is not finite is the best only if there is no other yet.
        (49.3, [(math.inf, 1.0), (math.nan, 1.0), (60.0, 1.0)], [0, 2]),
        (49.3, [(math.nan, 1.0), (60.0, 1.0), (math.nan, 0.9)], [0, 1]),
    ],
)  # fmt: skip
def test_what_is_taken_as_the_best(
    deaf: float, epochs: list[tuple[float, float]], taken: list[int]
) -> None:
    assert best_of(BestRule("cer", deaf), epochs, new_progress()) == taken


def test_by_loss_only_the_loss_counts() -> None:
    epochs = [(40.0, 0.5), (24.0, 0.31), (25.0, 0.2), (23.0, 0.4)]
    assert best_of(BestRule("loss", 49.3), epochs, new_progress()) == [0, 1, 3]


def test_a_run_that_goes_on_remembers_that_it_has_heard() -> None:
    rule = BestRule("cer", 49.3)
    progress = new_progress()
    best_of(rule, [(40.0, 0.5), (60.0, 0.3)], progress)
    resumed = Progress.from_json(progress.as_json())
    assert best_of(rule, [(45.0, 0.4), (61.0, 0.2)], resumed) == [1]


def test_the_rule_can_be_changed_within_a_run() -> None:
    progress = new_progress()
    best_of(BestRule("cer", 49.3), [(40.0, 0.5), (60.0, 0.3)], progress)
    assert best_of(BestRule("loss", 49.3), [(41.0, 0.2)], progress) == [0]


@pytest.mark.parametrize(
    ("kept", "next_epoch", "taken"),
    [
        ([0.9, 236.4], (140.0, 1.0), True),  # the best so far is random output
        ([0.3, 24.0], (23.0, 0.31), False),
        ([0.3, 24.0], (25.0, 0.29), True),
        ([24.0], (23.0, 0.9), True),  # chosen by loss, so its CER is not known
    ],
)
def test_a_record_from_before_there_were_names_for_its_scores(
    kept: list[float], next_epoch: tuple[float, float], taken: bool
) -> None:
    record = new_progress().as_json()
    for name in ("best_loss", "best_cer", "best_heard"):
        del record[name]
    record |= {"best_score": kept, "best_checkpoint": "best_dev-7.safetensors"}
    progress = Progress.from_json(record)
    assert BestRule("cer", 134.8).take(progress, *next_epoch) == taken
