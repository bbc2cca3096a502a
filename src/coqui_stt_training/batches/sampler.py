"""Which clips are together in a batch, and in what order batches come in an epoch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..corpus import Clip

Group = tuple[Clip, ...]


def make_batches(
    clips: Iterable[Clip],
    batch_size: int,
    *,
    seconds: float = 0.0,
    reverse: bool = False,
    limit: int = 0,
) -> list[Group]:
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
    ordered = sorted(clips, key=lambda clip: clip.duration_seconds, reverse=reverse)
    ordered = ordered[:limit] if limit else ordered
    groups: list[Group] = []
    group: list[Clip] = []
    longest = 0.0
    for clip in ordered:
        longest = max(longest, clip.duration_seconds)
        too_many = batch_size and len(group) == batch_size
        too_long = seconds and (len(group) + 1) * longest > seconds
        if group and (too_many or too_long):
            groups.append(tuple(group))
            group, longest = [], clip.duration_seconds
        group.append(clip)
    return [*groups, tuple(group)] if group else groups


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
        regroup: gives the batches of an epoch, equally many in each, where they are not `groups`
            in all.
    """

    groups: Sequence[Group]
    order: BatchOrder
    rank: int = 0
    world_size: int = 1
    regroup: Callable[[int], Sequence[Group]] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(f"rank {self.rank} of {self.world_size}")

    def __len__(self) -> int:
        """Batches of all processes in an epoch."""
        return len(self.groups)

    def epoch(self, epoch: int, start: int = 0) -> list[NumberedGroup]:
        """Return the batches of all processes in an epoch, in their order.

        Args:
            epoch: counted from 0.
            start: how many of them have been trained on: where a run goes on.
        """
        groups = self.regroup(epoch) if self.regroup else self.groups
        order = self.order.indices(len(groups), epoch)
        return [NumberedGroup(place, groups[order[place]]) for place in range(start, len(order))]

    def own(self, batches: Sequence[NumberedGroup]) -> Sequence[NumberedGroup]:
        """Return those of some batches, in their order, that are this process's."""
        return batches[self.rank :: self.world_size]
