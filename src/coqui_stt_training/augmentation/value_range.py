"""A value that moves during training: `0.5`, `1:2`, `1~0.2`, `1:2~0.2`."""

from __future__ import annotations

import math
from typing import NamedTuple


class ValueRange(NamedTuple):
    """A value that moves during training: from `start` to `end`, give or take `r`.

    Values are whole numbers where `start` is one.
    """

    start: float
    end: float
    r: float

    @property
    def least(self) -> float:
        """The lowest value at any time of training."""
        return min(self.start, self.end) - abs(self.r)

    def at(self, clock: float, place: float) -> float:
        """Return a value.

        Args:
            clock: how far training is, 0 to 1.
            place: from 0 to 1: where between the lowest and the highest value at that time.
        """
        centre = self.start + min(1.0, max(0.0, clock)) * (self.end - self.start)
        value = centre + (2.0 * place - 1.0) * self.r
        return round(value) if isinstance(self.start, int) else value

    def __str__(self) -> str:
        """Return it as a flag gives it."""
        moving = f":{self.end:g}" if self.end != self.start else ""
        return f"{self.start:g}{moving}" + (f"~{self.r:g}" if self.r else "")


def parse_range(text: str, *, whole: bool) -> ValueRange:
    """Return the range that a text describes.

    Args:
        text: `VALUE`, `START:END`, each with `~RADIUS` behind it or without.
        whole: whether its values are whole numbers.

    Raises:
        ValueError: it is none.
    """
    bounds, *radius = text.split("~")
    start, *end = bounds.split(":")
    if len(radius) > 1 or len(end) > 1:
        raise ValueError(text)
    convert = int if whole else float
    numbers = [convert(one) for one in (start, *(end or [start]), *(radius or ["0"]))]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(text)
    return ValueRange(*numbers)
