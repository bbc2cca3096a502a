"""Suggests a known name for a misspelled one."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def likely_meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to `name`, or None if none is similar."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)), None)
