"""Upstream's module of parts of a TensorFlow graph; its names raise errors with replacements."""

from __future__ import annotations

from typing import Any

from .util.upstream_names import find_upstream_name


def reset_default_graph() -> None:
    """Do nothing, because there is no graph. Scripts call it between two runs."""


def __getattr__(name: str) -> Any:
    """Look up a name of upstream's module."""
    return find_upstream_name(__name__, name)
