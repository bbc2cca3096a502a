"""Which clips are together in a batch, and in what order batches come in an epoch."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from ..corpus import Clip
from ..corpus.clip_table import seconds_of

Group = tuple[Clip, ...]
Indices = NDArray[np.int64]

_SHORTEST_SECONDS = 1e-3
_CANDIDATES = 16  # of which the largest batch is one: frames are whole, and seconds are not


@dataclass(frozen=True, eq=False)
class ClipGroups(Sequence[Group]):
    """Clips in batches, as numbers: the clips of a batch are made when it is asked for.

    Attributes:
        clips: all of them.
        order: which of them are used, from the first batch to the last, int64 `[used]`.
        bounds: where in `order` each batch begins, and where the last one ends.
        seconds: length of each of `clips`, float64 `[clips]`.
    """

    clips: Sequence[Clip]
    order: Indices
    bounds: Indices
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    @overload
    def __getitem__(self, index: int) -> Group: ...
    @overload
    def __getitem__(self, index: slice) -> list[Group]: ...
    def __getitem__(self, index: int | slice) -> Group | list[Group]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        chosen = self.order[self.bounds[number] : self.bounds[number + 1]]
        return tuple(self.clips[one] for one in chosen.tolist())

    @property
    def clip_count(self) -> int:
        """How many clips are in all batches."""
        return len(self.order)

    @property
    def total_seconds(self) -> float:
        """How long they are together."""
        return float(self.seconds[self.order].sum())

    def count_of(self, numbers: Indices) -> int:
        """Return how many clips some batches have, without making them."""
        return int((self.bounds[numbers + 1] - self.bounds[numbers]).sum())

    def seconds_of(self, numbers: Indices) -> float:
        """Return how long some batches are together, without making them."""
        begins, ends = self.bounds[numbers], self.bounds[numbers + 1]
        return float((self._passed[ends] - self._passed[begins]).sum())

    @cached_property
    def _passed(self) -> NDArray[np.float64]:
        """The seconds before each clip of `order`, and of all, float64 `[used + 1]`."""
        return np.concatenate([[0.0], np.cumsum(self.seconds[self.order])])

    def largest(self) -> list[Group]:
        """Return the batches that are largest when padded, one of which is so in frames, too."""
        if not len(self):
            return []
        lengths = np.maximum.reduceat(self.seconds[self.order], self.bounds[:-1])
        areas = np.diff(self.bounds) * lengths
        return [self[number] for number in np.argsort(-areas, kind="stable")[:_CANDIDATES].tolist()]


def make_batches(
    clips: Sequence[Clip],
    batch_size: int,
    *,
    seconds: float = 0.0,
    reverse: bool = False,
    limit: int = 0,
) -> ClipGroups:
    """Group clips by duration, so that little of a batch is padding.

    Args:
        clips: in any order.
        batch_size: most clips of a batch; 0: any number.
        seconds: most seconds of a batch, padding included; a longer clip is alone; 0: any number.
        reverse: from the longest to the shortest.
        limit: use only the first so many clips of that order; 0: all.

    Returns:
        Batches from the shortest clips to the longest, or the reverse.
    """
    lengths = seconds_of(clips)
    order = by_length(lengths, reverse=reverse, limit=limit)
    return ClipGroups(clips, order, _bounds(lengths[order], batch_size, seconds), lengths)


def by_length(lengths: NDArray[np.float64], *, reverse: bool = False, limit: int = 0) -> Indices:
    """Return the numbers of clips from the shortest to the longest, or the first `limit` so."""
    order = np.argsort(-lengths if reverse else lengths, kind="stable")
    return order[:limit] if limit else order


def _bounds(lengths: NDArray[np.float64], most: int, seconds: float) -> Indices:
    """Return where batches begin, and the end of the last, of clips of sorted lengths."""
    count = len(lengths)
    if not seconds:
        starts = np.arange(0, count, most or max(1, count), dtype=np.int64)
        return np.append(starts, count)
    bounds = [0] if count else []
    while bounds and bounds[-1] < count:
        bounds.append(bounds[-1] + _fitting(lengths[bounds[-1] :], most, seconds))
    return np.array(bounds or [0], np.int64)


def _fitting(lengths: NDArray[np.float64], most: int, seconds: float) -> int:
    """Return how many of the first clips are a batch: one at least."""
    size = min(len(lengths), most or int(seconds / max(lengths[0], _SHORTEST_SECONDS)) + 1)
    window = np.maximum.accumulate(lengths[:size])
    padded = window * np.arange(1, len(window) + 1)
    return max(1, int(np.searchsorted(padded, seconds, side="right")))


@dataclass(frozen=True)
class BatchOrder:
    """The order of batches in each epoch; see the `--shuffle_*` flags."""

    shuffle: bool
    first_shuffled_epoch: int
    buffer_size: int
    seed: int

    def indices(self, batch_count: int, epoch: int) -> list[int]:
        """Return the order of an epoch's batches: the same for the same arguments, always."""
        if not self.shuffle or epoch < self.first_shuffled_epoch:
            return list(range(batch_count))
        generator = random.Random(f"{self.seed} {epoch}")
        order: list[int] = []
        buffer: list[int] = []
        for index in range(batch_count):
            buffer.append(index)
            if len(buffer) == self.buffer_size:
                order.append(_take_any(buffer, generator))
        while buffer:
            order.append(_take_any(buffer, generator))
        return order


def _take_any(buffer: list[int], generator: random.Random) -> int:
    chosen = generator.randrange(len(buffer))
    buffer[chosen], buffer[-1] = buffer[-1], buffer[chosen]
    return buffer.pop()


class NumberedGroup(NamedTuple):
    """The clips of a batch, and its place in the order of an epoch."""

    place: int
    clips: Group


@dataclass(frozen=True, eq=False)
class NumberedGroups(Sequence[NumberedGroup]):
    """Batches in the order of an epoch, each made when it is asked for.

    Attributes:
        groups: in no order.
        order: which of them is at each place.
        places: those that are meant.
    """

    groups: ClipGroups
    order: Sequence[int]
    places: range

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> NumberedGroup: ...
    @overload
    def __getitem__(self, index: slice) -> NumberedGroups: ...
    def __getitem__(self, index: int | slice) -> NumberedGroup | NumberedGroups:
        if isinstance(index, slice):
            return NumberedGroups(self.groups, self.order, self.places[index])
        place = self.places[index]
        return NumberedGroup(place, self.groups[self.order[place]])

    @property
    def clip_count(self) -> int:
        """How many clips are in all of them."""
        return self.groups.count_of(self._numbers)

    @property
    def total_seconds(self) -> float:
        """How long they are together."""
        return self.groups.seconds_of(self._numbers)

    @property
    def _numbers(self) -> Indices:
        return np.array([self.order[place] for place in self.places], np.int64)


@dataclass(frozen=True)
class Sampler:
    """Which batches an epoch has, and which of them are one process's.

    Attributes:
        groups: the clips of each batch, of all processes.
        order: of the batches.
        rank: number of this process.
        world_size: of processes. Each takes every so many-th batch of the order, so that the first
            ones of all processes are the first ones of the order. Where batches do not come out
            even, some processes have one less; none comes twice.
        regroup: gives the batches of an epoch, not more than in `groups`, where they are not these
            in all.
    """

    groups: ClipGroups
    order: BatchOrder
    rank: int = 0
    world_size: int = 1
    regroup: Callable[[int], ClipGroups] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"rank {self.rank} of {self.world_size}")

    def __len__(self) -> int:
        """Batches of all processes in an epoch; the most, where they are not equally many."""
        return len(self.groups)

    def batches_in(self, epoch: int) -> int:
        """Return how many batches of all processes there are in an epoch, counted from 0."""
        return len(self._groups(epoch))

    def epoch(self, epoch: int, start: int = 0) -> NumberedGroups:
        """Return the batches of all processes in an epoch, in their order.

        Args:
            epoch: counted from 0.
            start: how many of them have been trained on: where a run goes on.
        """
        groups = self._groups(epoch)
        order = self.order.indices(len(groups), epoch)
        return NumberedGroups(groups, order, range(start, len(order)))

    def own(self, batches: Sequence[NumberedGroup]) -> Sequence[NumberedGroup]:
        """Return those of some batches, in their order, that are this process's."""
        return batches[self.rank :: self.world_size]

    def _groups(self, epoch: int) -> ClipGroups:
        return self.regroup(epoch) if self.regroup else self.groups
