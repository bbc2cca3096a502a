"""What was likely meant by a name that is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def likely_meant(name: str, known: Iterable[str]) -> str | None:
    """Return the one of some names that is most like another; None where none is."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)), None)
