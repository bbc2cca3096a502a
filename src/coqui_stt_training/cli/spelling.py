"""Flags as the words of a command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def spell_flags(flags: Mapping[str, Any]) -> list[str]:
    """Return the words that give flags their values; those of empty lists are left out."""
    words: list[str] = []
    for name, value in flags.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        shown = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
        words += [f"--{name}", *shown] if shown else []
    return words
