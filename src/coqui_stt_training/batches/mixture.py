"""Training sets mixed by share: `--train_files new.csv old.sdb:0.3`."""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..corpus import Clip, ClipSet
from ..corpus.clip_table import ChosenClips, joined


@dataclass(frozen=True)
class Mixture:
    """Which clips of several sets are trained on in an epoch.

    Sets without a share are there with all their clips. Of the others as many are drawn as make
    their share of the epoch; they go through all of a set before any clip of it comes again. Where
    every set has a share, an epoch has as many clips as all sets together.

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
        counts = self._counts()
        return [
            self._draw(number, epoch, counts[number]) if number in counts else clips.clips
            for number, clips in enumerate(self.sets)
        ]

    def _counts(self) -> dict[int, int]:
        """Return how many clips to draw of each set that has a share."""
        shares = {
            number: self.shares[clips.path]
            for number, clips in enumerate(self.sets)
            if clips.path in self.shares
        }
        sizes = [len(clips.clips) for clips in self.sets]
        whole = sum(size for number, size in enumerate(sizes) if number not in shares)
        drawn = sum(shares.values())
        total = whole / (1 - drawn) if whole else sum(sizes) / drawn
        return {
            number: max(1, round(share * total))
            for number, share in shares.items()
            if sizes[number]
        }

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
