"""Numbers of things, as people write them."""

from __future__ import annotations


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 clip`, `2 clips`: a number and its noun, `plural` where that takes no mere s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
