"""Counts and shortened lists for messages."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun: `1 clip`, `2 clips`; `plural` is for irregular nouns."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def some_of(names: Sequence[str], most: int = 5) -> str:
    """Return names for a message: the first `most`, and the number of the others."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def some_clauses(clauses: Sequence[str], most: int) -> str:
    """Return clauses for a message: the first `most`, and the number of the others."""
    hidden = len(clauses) - most
    return "; ".join([*clauses[:most], f"and {hidden} more"] if hidden > 0 else clauses)


def first_lines(lines: Sequence[str], most: int) -> list[str]:
    """Return lines for a message: the first `most`, and the number of the others."""
    hidden = len(lines) - most
    return [*lines[:most], f"... and {hidden} more"] if hidden > 0 else list(lines)
