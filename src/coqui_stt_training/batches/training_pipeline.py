"""What the training loop takes batches from. Validation has a loader of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..corpus import Clip
from .augmented_loader import AugmentedLoader, Moment
from .batch import Batch
from .loader import BatchLoader, made_ahead
from .sampler import Group, Sampler


@dataclass(frozen=True)
class TrainingPipeline:
    """The training batches of a process, epoch by epoch.

    Attributes:
        sampler: which clips, in what order.
        loader: of clips as they are.
        augmented: of clips as they are changed; None: without augmentation.
        epochs: of all training, over which scheduled values move.
    """

    sampler: Sampler
    loader: BatchLoader
    augmented: AugmentedLoader | None = None
    epochs: int = 1

    def __len__(self) -> int:
        """Batches in an epoch."""
        return len(self.sampler)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch.

        Args:
            epoch: counted from 0.
            start: how many of them have been trained on: where a run goes on.

        Raises:
            AudioError: the audio has become unreadable since the corpus was checked.
        """
        return made_ahead(
            lambda numbered: self._load(numbered[1], epoch, numbered[0]),
            enumerate(self.sampler.epoch(epoch, start), start),
        )

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

    def _load(self, clips: Group, epoch: int, number: int) -> Batch:
        if self.augmented is None:
            return self.loader.load(clips)
        clock = (epoch + number / max(1, len(self))) / max(1, self.epochs)
        return self.augmented.load(clips, Moment(epoch, clock))
