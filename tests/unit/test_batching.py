"""Batches group clips of like duration, in an order that seed and epoch decide."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_training.batches.sampler import BatchOrder, make_batches
from coqui_stt_training.corpus import Clip
from stt.audio.reference import AudioReference

CLIPS = [
    Clip(
        AudioReference(Path(f"{number}.wav")),
        "a",
        f"train.csv:{number}",
        None,
        float((number * 7) % 10),
    )
    for number in range(10)
]


def durations(**arguments: object) -> list[list[float]]:
    groups = make_batches(CLIPS, 4, **arguments)  # type: ignore[arg-type]
    return [[clip.duration_seconds for clip in group] for group in groups]


def test_clips_go_from_the_shortest_to_the_longest() -> None:
    assert durations() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert durations(reverse=True) == [[9, 8, 7, 6], [5, 4, 3, 2], [1, 0]]


def test_a_limit_takes_the_first_of_that_order() -> None:
    assert durations(limit=5) == [[0, 1, 2, 3], [4]]
    assert durations(reverse=True, limit=3) == [[9, 8, 7]]
    assert durations(limit=99) == durations()


@pytest.mark.parametrize("buffer_size", [1, 2, 7, 100])
def test_every_batch_comes_once_an_epoch(buffer_size: int) -> None:
    order = BatchOrder(True, 0, buffer_size, seed=1)
    for epoch in range(3):
        assert sorted(order.indices(23, epoch)) == list(range(23))


def test_shuffling_begins_when_it_is_to() -> None:
    order = BatchOrder(True, 2, 1000, seed=1)
    assert order.indices(9, 0) == order.indices(9, 1) == list(range(9))
    assert order.indices(9, 2) != list(range(9))
    assert BatchOrder(False, 0, 1000, seed=1).indices(9, 5) == list(range(9))


def test_seed_and_epoch_decide_the_order() -> None:
    order = BatchOrder(True, 0, 1000, seed=1)
    assert order.indices(50, 3) == BatchOrder(True, 0, 1000, seed=1).indices(50, 3)
    assert order.indices(50, 3) != order.indices(50, 4)
    assert order.indices(50, 3) != BatchOrder(True, 0, 1000, seed=2).indices(50, 3)


def test_a_small_buffer_shuffles_only_nearby() -> None:
    order = BatchOrder(True, 0, 4, seed=1).indices(100, 0)
    assert all(index < position + 4 for position, index in enumerate(order))


def test_no_batches() -> None:
    assert make_batches([], 4) == []
    assert BatchOrder(True, 0, 4, seed=1).indices(0, 0) == []
