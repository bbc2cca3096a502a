"""Ranges of values that can change during training: `0.5`, `1:2`, `1~0.2`, `1:2~0.2`."""

from __future__ import annotations

import math
from typing import NamedTuple


class ValueRange(NamedTuple):
    """A range that moves from `start` to `end` during training, with radius `r`.

    Values are whole numbers if `start` is one.
    """

    start: float
    end: float
    r: float

    @property
    def least(self) -> float:
        """Lowest value at any time of training."""
        return min(self.start, self.end) - abs(self.r)

    def at(self, clock: float, place: float) -> float:
        """Return a value.

        Args:
            clock: share of training that is done, 0 to 1.
            place: position between the lowest and the highest value at that time, 0 to 1.
        """
        centre = self.start + min(1.0, max(0.0, clock)) * (self.end - self.start)
        value = centre + (2.0 * place - 1.0) * self.r
        return round(value) if isinstance(self.start, int) else value

    def __str__(self) -> str:
        """Return the range in the flag's syntax."""
        moving = f":{self.end:g}" if self.end != self.start else ""
        return f"{self.start:g}{moving}" + (f"~{self.r:g}" if self.r else "")


def parse_range(text: str, *, whole: bool) -> ValueRange:
    """Parse a range.

    Args:
        text: `VALUE` or `START:END`, optionally followed by `~RADIUS`.
        whole: whether values are whole numbers.

    Raises:
        ValueError: the text is not a range, or a number is not finite.
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
