"""Training sets mixed by share: `--train_files new.csv old.sdb:0.3`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..corpus import Clip, ClipSet


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

    def clips(self, epoch: int) -> list[Clip]:
        """Return the clips of an epoch: always the same, and always equally many."""
        counts = self._counts()
        found: list[Clip] = []
        for number, clips in enumerate(self.sets):
            if number in counts:
                found += self._draw(number, epoch, counts[number])
            else:
                found += clips.clips
        return found

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

    def _draw(self, number: int, epoch: int, count: int) -> list[Clip]:
        clips = self.sets[number].clips
        found: list[Clip] = []
        place = epoch * count
        while len(found) < count:
            passed, first = divmod(place + len(found), len(clips))
            order = list(range(len(clips)))
            random.Random(f"{self.seed} {number} {passed}").shuffle(order)
            taken = order[first : first + count - len(found)]
            found += [clips[index] for index in taken]
        return found
