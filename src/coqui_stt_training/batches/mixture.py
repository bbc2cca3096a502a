"""Training sets mixed by share: `--train_files new.csv old.sdb:0.3`."""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..corpus import Clip, ClipSet, epoch_counts
from ..corpus.clip_table import ChosenClips, joined


@dataclass(frozen=True)
class Mixture:
    """Which clips of several sets are trained on in an epoch.

    Sets without a share are there with all their clips. Of the others some are drawn, see
    `epoch_counts`; they go through all of a set before any clip of it comes again.

    Attributes:
        sets: all of them.
        shares: of an epoch's clips, by the path of the set, more than 0.
        seed: of the order in which clips are drawn.
    """

    sets: Sequence[ClipSet]
    shares: Mapping[str, float]
    seed: int

    def clips(self, epoch: int) -> Sequence[Clip]:
        """Return the clips of an epoch: always the same, and always equally many."""
        return joined(self.parts(epoch))

    def parts(self, epoch: int) -> list[Sequence[Clip]]:
        """Return the same, set by set."""
        sizes = [(one.path, len(one.clips)) for one in self.sets]
        counts = epoch_counts(sizes, self.shares)
        return [
            self._draw(number, epoch, counts[number])
            if one.path in self.shares and one.clips
            else one.clips
            for number, one in enumerate(self.sets)
        ]

    def _draw(self, number: int, epoch: int, count: int) -> Sequence[Clip]:
        clips = self.sets[number].clips
        found = array("q")
        place = epoch * count
        while len(found) < count:
            passed, first = divmod(place + len(found), len(clips))
            order = _shuffled(len(clips), f"{self.seed} {number} {passed}")
            found += order[first : first + count - len(found)]
        if isinstance(clips, tuple):
            return tuple(clips[index] for index in found)
        return ChosenClips(clips, np.array(found, np.int64))


def _shuffled(count: int, seed: str) -> array[int]:
    """Return the numbers below `count` in an order that the seed decides."""
    order = array("q", range(count))
    random.Random(seed).shuffle(order)
    return order
