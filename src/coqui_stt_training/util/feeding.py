"""Upstream's module of this name: parts of a TensorFlow graph, which say what replaces them."""

from __future__ import annotations

from typing import Any

from .upstream_names import find_upstream_name


def __getattr__(name: str) -> Any:
    """Find what upstream's module has."""
    return find_upstream_name(__name__, name)
