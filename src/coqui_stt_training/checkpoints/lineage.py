"""The lineage of a checkpoint: the trainings and conversions that made its weights, oldest first.

It is JSON. An entry describes a training (`begun`, `source`, `plan`, ...) or a conversion
(`converted_from`). Its plan has an entry for each layer: `layer`, `action`, and training settings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Lineage = tuple[Mapping[str, Any], ...]


def parse_lineage(value: Any) -> Lineage:
    """Return a lineage after checking the values that the program uses.

    Args:
        value: JSON value from a checkpoint.

    Raises:
        ValueError: a value is missing or of the wrong type; the message says which.
    """
    if not isinstance(value, list):
        raise ValueError("the lineage is no list")
    for entry in value:
        if not isinstance(entry, dict) or not isinstance(entry.get("plan"), list):
            raise ValueError(f"an entry of the lineage has no plan: {entry!r:.80}")
        for layer in entry["plan"]:
            _check_layer(layer)
        _check_anchor(entry.get("drawn_to_source"))
    return tuple(value)


def newest_plan(lineage: Lineage) -> dict[str, Mapping[str, Any]]:
    """Return the plan of the newest training: the entry of each layer, by its name."""
    return {layer["layer"]: layer for layer in lineage[-1]["plan"]} if lineage else {}


def frozen_epochs(lineage: Lineage) -> dict[str, int | None]:
    """Return how many epochs the newest training freezes each layer; None: all epochs."""
    return {name: layer.get("frozen_epochs", 0) for name, layer in newest_plan(lineage).items()}


def _check_layer(layer: Any) -> None:
    if not isinstance(layer, dict) or not all(
        isinstance(layer.get(name), str) for name in ("layer", "action")
    ):
        raise ValueError(f"a plan of the lineage names no layer and action: {layer!r:.80}")
    epochs, factor = layer.get("frozen_epochs", 0), layer.get("learning_rate_factor", 1.0)
    if not (epochs is None or (type(epochs) is int and epochs >= 0)):
        raise ValueError(f"{layer['layer']} is frozen for {epochs!r:.80} epochs")
    if (
        isinstance(factor, bool)
        or not isinstance(factor, (int, float))
        or not 0 < factor < math.inf
    ):
        raise ValueError(f"{layer['layer']} has the learning rate factor {factor!r:.80}")


def _check_anchor(drawn: Any) -> None:
    if drawn is None:
        return
    decay, digest = (
        (drawn.get("decay"), drawn.get("digest")) if isinstance(drawn, dict) else (None, None)
    )
    if (
        isinstance(decay, bool)
        or not isinstance(decay, (int, float))
        or not 0 < decay < math.inf
        or not isinstance(digest, str)
    ):
        raise ValueError(f"an entry of the lineage draws weights to the source: {drawn!r:.80}")
