"""Batches group clips of similar duration, in an order determined by seed and epoch."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.batches.sampler import BatchOrder, ClipGroups, Sampler, make_batches
from coqui_stt_training.corpus import Clip
from coqui_stt_training.corpus.clip_table import seconds_of
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


def grouped(sizes: list[int]) -> ClipGroups:
    count = sum(sizes)
    order = np.arange(count) % len(CLIPS)
    return ClipGroups(CLIPS, order, np.cumsum([0, *sizes]), seconds_of(CLIPS))


def durations(**arguments: object) -> list[list[float]]:
    groups = make_batches(CLIPS, 4, **arguments)  # type: ignore[arg-type]
    return [[clip.duration_seconds for clip in group] for group in groups]


def test_clips_go_from_the_shortest_to_the_longest() -> None:
    assert durations() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert durations(reverse=True) == [[9, 8, 7, 6], [5, 4, 3, 2], [1, 0]]


def test_batches_by_seconds_hold_what_fits() -> None:
    groups = make_batches(CLIPS, 0, seconds=12.0)
    seconds = [[clip.duration_seconds for clip in group] for group in groups]
    assert seconds == [[0, 1, 2, 3], [4, 5], [6], [7], [8], [9]]
    assert all(len(group) * max(group) <= 12 for group in seconds)
    assert sorted(one for group in seconds for one in group) == [
        float(number) for number in range(10)
    ]
    both = make_batches(CLIPS, 2, seconds=12.0, reverse=True)
    assert [len(group) for group in both] == [1, 1, 1, 2, 2, 2, 1]
    assert [len(group) for group in make_batches(CLIPS, 0, seconds=5.0)][-1] == 1  # too long


@pytest.mark.parametrize(("count", "world_size"), [(9, 1), (9, 2), (10, 3), (1, 4)])
def test_processes_share_an_epoch(count: int, world_size: int) -> None:
    groups = grouped([number + 1 for number in range(count)])
    order = BatchOrder(True, 0, 1000, seed=1)
    ranks = [Sampler(groups, order, rank, world_size) for rank in range(world_size)]
    everything = list(Sampler(groups, order).epoch(3))
    shares = [sampler.own(sampler.epoch(3)) for sampler in ranks]
    turns = itertools.zip_longest(*shares)
    taken = [batch for turn in turns for batch in turn if batch is not None]
    assert taken == list(everything)
    some = ranks[0].epoch(3)[1:5]
    assert some.clip_count == sum(len(one.clips) for one in some)
    seconds = sum(clip.duration_seconds for one in some for clip in one.clips)
    assert some.total_seconds == pytest.approx(seconds)
    assert sorted(batch.place for batch in taken) == list(range(count))
    assert {sampler.batches_in(3) for sampler in ranks} == {count}


def test_an_epoch_goes_on_where_it_stopped_with_other_processes() -> None:
    groups = grouped([1] * len(CLIPS))
    order = BatchOrder(True, 0, 4, seed=1)
    whole = Sampler(groups, order).epoch(2)
    ranks = [Sampler(groups, order, rank, 3) for rank in range(3)]
    assert sorted(
        batch for sampler in ranks for batch in sampler.own(sampler.epoch(2, start=4))
    ) == sorted(list(whole)[4:])
    with pytest.raises(ValueError, match="rank 2 of 2"):
        Sampler(groups, BatchOrder(False, 0, 4, seed=1), 2, 2)


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
    assert list(make_batches([], 4)) == list(make_batches([], 0, seconds=5.0)) == []
    assert make_batches([], 4).largest() == []
    assert BatchOrder(True, 0, 4, seed=1).indices(0, 0) == []
