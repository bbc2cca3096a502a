"""Randomness derived from a key: the same seed, epoch and clip always give the same values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .kinds import KINDS, Number
from .specification import Augmentation


def chance_of(*parts: object) -> np.random.Generator:
    """Return a random generator that depends only on these values."""
    return np.random.Generator(np.random.Philox(key=_key_of(*parts)))


def share_of(*parts: object) -> float:
    """Return a number in [0, 1) that depends only on these values.

    It is a hash, which is distributed as evenly; making a generator takes ten times as long.
    """
    return (_key_of(*parts) >> 75) / (1 << 53)


def _key_of(*parts: object) -> int:
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")


@dataclass(frozen=True)
class Draw:
    """An augmentation that is applied to a clip in an epoch.

    Attributes:
        augmentation: the augmentation.
        number: index among all augmentations of the run.
        key: key of the random generator: seed, epoch and clip.
        clock: share of training that is done, 0 to 1.
    """

    augmentation: Augmentation
    number: int
    key: str
    clock: float

    def values(self) -> Values:
        """Return the values of its parameters, which are the same at each call."""
        return Values(self)


@dataclass(frozen=True)
class Values:
    """The parameter values of an augmentation for one clip, drawn one after the other."""

    draw: Draw

    @cached_property
    def chance(self) -> np.random.Generator:
        """Random generator for this clip and augmentation."""
        return chance_of(self.draw.key, "values")

    def pick(self, name: str) -> float:
        """Draw the next value of a parameter, limited to the parameter's bounds."""
        one = self.draw.augmentation
        value = one.ranges[name].at(self.draw.clock, float(self.chance.random()))
        bounds = KINDS[one.name].parameters[name]
        return min(bounds.most, max(bounds.least, value)) if isinstance(bounds, Number) else value

    def count(self, name: str) -> int:
        """Draw the next value of a parameter that is a count, at least 0."""
        return max(0, int(self.pick(name)))

    def text(self, name: str) -> str:
        """Return the value of a text parameter."""
        return self.draw.augmentation.texts[name]


def draw_augmentations(
    augmentations: Sequence[Augmentation], clock: float, *key: object
) -> tuple[Draw, ...]:
    """Draw which augmentations are applied to a clip.

    Args:
        augmentations: all augmentations of the run.
        clock: share of training that is done, 0 to 1.
        key: key of the random generator: seed, epoch and clip.
    """
    draws = []
    for number, one in enumerate(augmentations):
        name = "\0".join(map(str, (*key, number, one.name)))
        if share_of(name, "whether") < one.probability:
            draws.append(Draw(one, number, name, clock))
    return tuple(draws)


def within(draws: Sequence[Draw], *domains: str) -> tuple[Draw, ...]:
    """Return the draws that act in the given domains, domain by domain."""
    return tuple(draw for domain in domains for draw in draws if draw.augmentation.domain == domain)
