"""Upstream's module of this name: parts of a TensorFlow graph; using one names its replacement."""

from __future__ import annotations

from typing import Any

from .upstream_names import find_upstream_name


def __getattr__(name: str) -> Any:
    """Return a name of upstream's module."""
    return find_upstream_name(__name__, name)
