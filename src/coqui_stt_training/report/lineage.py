"""The lineage of a checkpoint as text, one line for each training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Any


def ancestor_text(ancestor: Mapping[str, Any], name: Callable[[str], str] = str) -> str:
    """Return when a training began, its source model, and what each layer took from the source.

    Args:
        ancestor: entry of a checkpoint's lineage.
        name: returns the text to show for a path.
    """
    if "converted_from" in ancestor:
        origin = name(str(ancestor["converted_from"]))
        return f"converted from {origin} ({ancestor['source_format']})"
    source = ancestor.get("source")
    origin = f"from {name(str(source))}" if source else "from scratch"
    adapter = ancestor.get("adapter")
    text = f"{_moment(str(ancestor.get('begun', '?')))} {origin}" + (
        f" with {adapter}" if adapter else ""
    )
    plan = ancestor.get("plan")
    if not source or not isinstance(plan, list):
        return text
    layers: dict[str, list[str]] = {}
    for layer in plan:
        layers.setdefault(str(layer["action"]), []).append(str(layer["layer"]))
    return f"{text}: " + "; ".join(
        f"{action}: {', '.join(names)}" for action, names in layers.items()
    )


def _moment(begun: str) -> str:
    """Return an ISO time as readable text, to the minute; other text unchanged."""
    try:
        return f"{datetime.strptime(begun, '%Y-%m-%dT%H:%M:%S%z'):%Y-%m-%d %H:%M %Z},"
    except ValueError:
        return begun


def base_name(path: str) -> str:
    """Return the file name of a path; for checkpoint files also their folder, the model's name."""
    parts = PurePath(path).parts
    return "/".join(parts[-2:]) if "best_dev" in path or "train-" in path else "".join(parts[-1:])
