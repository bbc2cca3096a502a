"""A checkpoint for publication: weights and their description, without paths or training state."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..checkpoints.file import Checkpoint, write_checkpoint
from ..checkpoints.source import SourceModel
from .privacy import without_folders

# Flags that say how a model was trained. The others may contain private names of files or machines.
_PUBLISHED_FLAGS = (
    "normalize_transcripts", "epochs", "train_batch_size", "train_batch_seconds", "learning_rate",
    "optimizer", "dropout_rate", "recipe", "random_seed", "early_stop", "head", "adapter",
)  # fmt: skip


def write_public_checkpoint(source: SourceModel, path: Path) -> None:
    """Write a checkpoint with the weights of a source model, averaged if it has an average.

    Raises:
        ValueError: the source model has no alphabet or no features.
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
        flags=without_folders({name: flags[name] for name in _PUBLISHED_FLAGS if name in flags}),
        lineage=tuple(without_folders(list(source.details.get("lineage", ())))),
    )
    write_checkpoint(path, checkpoint)
