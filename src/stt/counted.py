"""Numbers of things, and the first of many, as people write them."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return `1 clip`, `2 clips`: a number and its noun, `plural` where that takes no mere s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Return names for a message: all where they are few, else the first and how many more."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def some_clauses(clauses: Sequence[str], most: int) -> str:
    """Return clauses for a message: all where they are few, else the first and how many more."""
    hidden = len(clauses) - most
    return "; ".join([*clauses[:most], f"and {hidden} more"] if hidden > 0 else clauses)


def first_lines(lines: Sequence[str], most: int) -> list[str]:
    """Return lines of a message: all where they are few, else the first and how many more."""
    hidden = len(lines) - most
    return [*lines[:most], f"... and {hidden} more"] if hidden > 0 else list(lines)
