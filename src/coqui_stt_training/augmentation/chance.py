"""Chance that follows from what it is for: the same seed, epoch and clip give the same values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .kinds import KINDS, Number
from .specification import Augmentation


def chance_of(*parts: object) -> np.random.Generator:
    """Return a generator that depends on these values alone, and on nothing drawn before."""
    return np.random.Generator(np.random.Philox(key=_key_of(*parts)))


def share_of(*parts: object) -> float:
    """Return a number from 0 to below 1 that depends on these values alone.

    A hash is as even as what a generator would draw, and making one takes ten times as long.
    """
    return (_key_of(*parts) >> 75) / (1 << 53)


def _key_of(*parts: object) -> int:
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")


@dataclass(frozen=True)
class Draw:
    """An augmentation that changes a clip in an epoch.

    Attributes:
        augmentation: which.
        number: its place among all that were asked for.
        key: what its chance follows from.
        clock: how far training is, 0 to 1.
    """

    augmentation: Augmentation
    number: int
    key: str
    clock: float

    def values(self) -> Values:
        """Return its values, which are the same each time."""
        return Values(self)


@dataclass(frozen=True)
class Values:
    """The values of an augmentation for one clip, drawn one after the other."""

    draw: Draw

    @cached_property
    def chance(self) -> np.random.Generator:
        """Where everything random of this clip and augmentation comes from."""
        return chance_of(self.draw.key, "values")

    def pick(self, name: str) -> float:
        """Draw a value of a parameter; another each time.

        Where the radius reaches beyond what the parameter may be, it is the nearest possible one.
        """
        one = self.draw.augmentation
        value = one.ranges[name].at(self.draw.clock, float(self.chance.random()))
        bounds = KINDS[one.name].parameters[name]
        return min(bounds.most, max(bounds.least, value)) if isinstance(bounds, Number) else value

    def count(self, name: str) -> int:
        """Draw a value of a parameter that counts something; none below 0."""
        return max(0, int(self.pick(name)))

    def text(self, name: str) -> str:
        """Return a parameter that is a text."""
        return self.draw.augmentation.texts[name]


def draw_augmentations(
    augmentations: Sequence[Augmentation], clock: float, *key: object
) -> tuple[Draw, ...]:
    """Draw which augmentations change a clip.

    Args:
        augmentations: all that were asked for.
        clock: how far training is, 0 to 1.
        key: what chance follows from: seed, epoch, clip.
    """
    draws = []
    for number, one in enumerate(augmentations):
        name = "\0".join(map(str, (*key, number, one.name)))
        if share_of(name, "whether") < one.probability:
            draws.append(Draw(one, number, name, clock))
    return tuple(draws)


def within(draws: Sequence[Draw], *domains: str) -> tuple[Draw, ...]:
    """Return the draws that act in some domains, in the order of these."""
    return tuple(draw for domain in domains for draw in draws if draw.augmentation.domain == domain)
