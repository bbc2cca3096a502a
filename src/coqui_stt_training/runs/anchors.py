"""The weights that `--source_weight_decay` pulls towards: those of layers kept from the source.

Checkpoints do not contain them again. A resumed run reads them from the source, and checks their
digest, which its lineage contains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..checkpoints.lineage import Lineage
from ..checkpoints.loading import load_source
from ..checkpoints.source import Tensors
from ..errors import CheckpointError, FlagError
from ..models.encoder import base_tensors
from ..models.specification import is_statistic, layer_of
from .session import Session

_ENTRY = "drawn_to_source"


def describe_anchors(session: Session, tensors: Tensors) -> dict[str, Any]:
    """Return the entry about them in the lineage of a new run; empty if the run has none."""
    decay = session.config.optimizer.source_weight_decay
    if not decay or session.plan is None:
        return {}
    kept = _kept(tensors, session.plan.as_json())
    return {_ENTRY: {"decay": decay, "digest": _digest(kept)}}


def check_anchors(session: Session) -> None:
    """Check that a new run with the flag has such weights.

    Raises:
        FlagError: there is no source, or its weights are not trained.
    """
    decay = session.config.optimizer.source_weight_decay
    if not decay or session.start.continued:
        return
    if session.start.source is None:
        raise FlagError(
            f"--source_weight_decay {decay:g} needs a model to start from; give its folder with "
            "--load_checkpoint_dir"
        )
    if base_tensors(session.specification):
        raise FlagError(
            f"--source_weight_decay {decay:g} has no effect with adapters, because the source's "
            "weights are not trained; leave it out"
        )


def anchors_in_force(
    session: Session, lineage: Lineage, tensors: Tensors | None
) -> tuple[Tensors, float]:
    """Return the weights to pull towards, by name, and the strength; none and 0 without the flag.

    Args:
        session: the run.
        lineage: lineage of its checkpoints.
        tensors: the tensors that a new run begins with; None: the run is resumed.

    Raises:
        CheckpointError: the source no longer exists, or was replaced by another.
    """
    entry = lineage[-1].get(_ENTRY) if lineage else None
    if entry is None:
        return {}, 0.0
    plan = lineage[-1]["plan"]
    if tensors is not None:
        return _kept(tensors, plan), entry["decay"]
    record = session.start.record
    place = Path(session.config.checkpoints.save_dir) / (record.source if record else "")
    try:
        kept = _kept(load_source(place).tensors, plan)
    except CheckpointError as error:
        raise CheckpointError(
            f"cannot read the source model that this run needs for --source_weight_decay: {error}"
        ) from None
    if _digest(kept) != entry["digest"]:
        raise CheckpointError(
            f"{place} is not the model that this run started from and needs for "
            "--source_weight_decay; restore that model, or begin a new run: --run new"
        )
    return kept, entry["decay"]


def _kept(tensors: Tensors, plan: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    layers = {layer["layer"] for layer in plan if layer["action"] == "kept"}
    return {
        name: np.ascontiguousarray(tensor)
        for name, tensor in tensors.items()
        if layer_of(name) in layers and not is_statistic(name)
    }


def _digest(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name], np.float32).data)
    return digest.hexdigest()[:16]
