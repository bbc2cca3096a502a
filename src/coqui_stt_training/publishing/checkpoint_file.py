"""A checkpoint for others: weights to go on with, and what is known of them; no paths, no run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..checkpoints.file import Checkpoint, write_checkpoint
from ..checkpoints.source import SourceModel
from .privacy import without_folders

# Flags that say how a model was trained; others name files and machines.
_TOLD_FLAGS = (
    "normalize_transcripts", "epochs", "train_batch_size", "train_batch_seconds", "learning_rate",
    "optimizer", "dropout_rate", "recipe", "random_seed", "early_stop", "head", "adapter",
)  # fmt: skip


def write_public_checkpoint(source: SourceModel, path: Path) -> None:
    """Write a checkpoint of a source's weights, its average where it has one.

    Raises:
        ValueError: the source does not say its alphabet or features.
    """
    if source.alphabet is None or source.features is None:
        raise ValueError("a checkpoint says its alphabet and features")
    flags = source.details.get("flags", {})
    checkpoint = Checkpoint(
        specification=source.specification,
        alphabet=source.alphabet,
        features=source.features,
        tensors={name: np.ascontiguousarray(one) for name, one in source.tensors.items()},
        step=source.step,
        flags=without_folders({name: flags[name] for name in _TOLD_FLAGS if name in flags}),
        lineage=tuple(without_folders(list(source.details.get("lineage", ())))),
    )
    write_checkpoint(path, checkpoint)
