"""The clips most worth transcribing: hard for the model, and different from each other."""

from __future__ import annotations

import random

import pytest

from coqui_stt_training.choosing.value import Candidate, choose, letter_groups, why

KNOWN = ["good morning", "good evening", "good night"]


def order(candidates: list[Candidate], known: list[str] | None = None) -> list[int]:
    return [choice.index for choice in choose(candidates, known or [])]


def test_what_the_model_cannot_do_comes_before_copies_of_what_it_can() -> None:
    can = [Candidate("good morning", 0.95, 1.0)] * 5
    cannot = [Candidate("xylophone", 0.3, 1.0), Candidate("quartz jug", 0.35, 1.0)]
    assert set(order([*can, *cannot], KNOWN)[:2]) == {5, 6}


def test_copies_come_last_although_the_model_is_unsure_of_them() -> None:
    unsure = [Candidate("xylophone", 0.2, 1.0)] * 3
    other = [Candidate("quartz jug", 0.5, 1.0)]
    chosen = order([*unsure, *other])
    assert chosen[:2] == [0, 3]
    assert set(chosen) == {0, 1, 2, 3}


def test_what_is_said_in_transcripts_is_not_new() -> None:
    candidates = [Candidate("good morning", 0.5, 1.0), Candidate("bad weather", 0.5, 1.0)]
    assert order(candidates, KNOWN) == [1, 0]
    assert order(candidates, ["bad weather", "bad weather"]) == [0, 1]


def test_listening_costs_time_and_nothing_teaches_nothing() -> None:
    short, long = Candidate("quartz jug", 0.5, 1.0), Candidate("quartz jug", 0.5, 8.0)
    assert order([long, short])[0] == 1
    assert order([Candidate("", 0.0, 1.0), Candidate("known", 1.0, 1.0)]) == []


def test_each_choice_is_the_best_beside_those_before_it() -> None:
    """The choices equal those of an exhaustive search at each step."""
    generator = random.Random(1)
    candidates = [
        Candidate("".join(generator.choices("abc ", k=12)), generator.random(), 1.0)
        for _ in range(40)
    ]
    chosen = list(choose(candidates, ["abc"]))
    seen = dict.fromkeys(letter_groups("abc"), 1)
    left = set(range(40))
    for choice in chosen:
        values = {
            index: (1 - candidates[index].confidence)
            * sum(0.5 ** seen.get(group, 0) for group in letter_groups(candidates[index].text))
            for index in left
        }
        assert choice.value == pytest.approx(max(values.values()))
        left.remove(choice.index)
        for group in letter_groups(candidates[choice.index].text):
            seen[group] = seen.get(group, 0) + 1


def test_why_is_said() -> None:
    candidates = [Candidate("good jug", 0.25, 1.0)]
    (choice,) = choose(candidates, KNOWN)
    assert why(choice, candidates[0]) == (
        "confidence 25%; 4 of 8 letter groups are new: ' ju', 'd j', 'jug', 'ug '"
    )
    assert letter_groups("a") == {" a "}
    assert letter_groups("  ") == set()
