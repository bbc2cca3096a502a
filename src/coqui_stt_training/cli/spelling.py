"""Turns flags into the words of a command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def spell_flags(flags: Mapping[str, Any]) -> list[str]:
    """Return the words that set flags; flags whose value is None are left out."""
    words: list[str] = []
    for name, value in flags.items():
        if value is None:
            continue
        values = value if isinstance(value, (list, tuple)) else [value]
        shown = [str(one).lower() if isinstance(one, bool) else str(one) for one in values]
        words += [f"--{name}", *shown]
    return words
