"""What the training loop takes batches from. Validation has a loader of its own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from ..corpus import Clip
from .augmented_loader import AugmentedLoader, Moment
from .batch import Batch
from .loader import BatchLoader, made_ahead
from .sampler import NumberedGroup, NumberedGroups, Sampler


@dataclass(frozen=True)
class Step:
    """Batches whose gradients are added up for one change of the weights.

    Attributes:
        groups: the clips of all processes, not made before they are asked for.
        batches: this process's, each with its place in the epoch's order; may be none.
        stand_ins: how many of these, at the end, are others' and have no weight.
    """

    groups: NumberedGroups
    batches: tuple[tuple[int, Batch], ...]
    stand_ins: int = 0


@dataclass(frozen=True)
class TrainingPipeline:
    """The training batches of a process, epoch by epoch.

    Attributes:
        sampler: which clips, in what order.
        loader: of clips as they are.
        augmented: of clips as they are changed; None: without augmentation.
        epochs: of all training, over which scheduled values move.
        evens_out: whether a process that has a batch less than others in a step takes one of theirs
            as well, of no weight: where all have to compute equally often.
    """

    sampler: Sampler
    loader: BatchLoader
    augmented: AugmentedLoader | None = None
    epochs: int = 1
    evens_out: bool = False

    def __len__(self) -> int:
        """Batches of all processes in an epoch; the most, where they are not equally many."""
        return len(self.sampler)

    def batches_in(self, epoch: int) -> int:
        """Return how many batches of all processes there are in an epoch, counted from 0."""
        return self.sampler.batches_in(epoch)

    def epoch(
        self, epoch: int, start: int = 0, batches_per_step: int = 1, *, reuses: bool = True
    ) -> Iterator[Step]:
        """Yield the steps of an epoch.

        Args:
            epoch: counted from 0.
            start: how many batches of all processes have been trained on: where a run goes on.
            batches_per_step: of each process.
            reuses: see `Moment`.

        Raises:
            AudioError: the audio has become unreadable since the corpus was checked.
        """
        order = self.sampler.epoch(epoch, start)
        own = made_ahead(lambda one: self._load(one, epoch, reuses), self.sampler.own(order))
        together = batches_per_step * self.sampler.world_size
        for first in range(0, len(order), together):
            numbered = order[first : first + together]
            batches = tuple(itertools.islice(own, len(self.sampler.own(numbered))))
            most = -(-len(numbered) // self.sampler.world_size)
            lacking = most - len(batches) if self.evens_out else 0
            others = numbered[:lacking]
            stand_ins = (self._without_weight(one, epoch, reuses) for one in others)
            yield Step(numbered, (*batches, *stand_ins), lacking)

    def longest_seconds(self, clip: Clip) -> float:
        """Return how long a clip may become by augmentation."""
        seconds = clip.duration_seconds
        return self.augmented.longest_seconds(seconds) if self.augmented else seconds

    def load_longest(self, clips: Sequence[Clip]) -> Batch:
        """Return a batch of some clips as long as they may become, said again and again."""
        batch = self.loader.load(clips)
        growth = max(self.longest_seconds(clip) / clip.duration_seconds for clip in clips)
        if growth <= 1.0:
            return batch
        again = batch.features.repeat(1, math.ceil(growth), 1)
        frames = math.ceil(growth * batch.features.shape[1])
        return replace(batch, features=again[:, :frames], lengths=(batch.lengths * growth).long())

    def _without_weight(self, one: NumberedGroup, epoch: int, reuses: bool) -> tuple[int, Batch]:
        place, batch = self._load(one, epoch, reuses)
        return place, replace(batch, weights=torch.zeros(len(batch.clips)))

    def _load(self, one: NumberedGroup, epoch: int, reuses: bool) -> tuple[int, Batch]:
        if self.augmented is None:
            return one.place, self.loader.load(one.clips)
        clock = (epoch + one.place / max(1, self.batches_in(epoch))) / max(1, self.epochs)
        return one.place, self.augmented.load(one.clips, Moment(epoch, clock, reuses))
