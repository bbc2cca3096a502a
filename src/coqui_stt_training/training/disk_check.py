"""Whether the checkpoints of a run fit on the disk, checked before training, not hours into it."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from ..checkpoints.file import SUFFIX
from ..errors import TrainingError
from ..models.encoder import base_tensors
from ..models.specification import Specification, layer_of

_log = logging.getLogger(__name__)


class CheckpointSizes(NamedTuple):
    """Estimated sizes of the checkpoints of a run.

    Attributes:
        last_bytes: size of a last checkpoint: weights, their average, Adam's two moments.
        best_bytes: size of the best checkpoint: weights alone.
    """

    last_bytes: int
    best_bytes: int


def checkpoint_sizes(
    specification: Specification, never_trained: Collection[str], *, averages: bool
) -> CheckpointSizes:
    """Estimate the sizes of the checkpoints of a run.

    Args:
        specification: specification of the model.
        never_trained: names of layers that stay frozen; they have no optimizer state.
        averages: whether checkpoints also contain the average of the weights.
    """
    left_out = base_tensors(specification)  # with adapters, the encoder stays where it is
    sizes = {
        name: 4 * math.prod(shape)
        for name, shape in specification.tensor_shapes().items()
        if name not in left_out
    }
    weights = sum(sizes.values())
    trained = sum(size for name, size in sizes.items() if layer_of(name) not in never_trained)
    return CheckpointSizes(weights * (2 if averages else 1) + 2 * trained, weights)


def check_disk_space(folder: Path, sizes: CheckpointSizes, max_to_keep: int) -> None:
    """Check that checkpoints can be saved, and warn if fewer fit than should be kept.

    Args:
        folder: checkpoint folder; it may be missing. Existing checkpoints make room for new ones.
        sizes: size of each kind of checkpoint.
        max_to_keep: number of last checkpoints to keep.

    Raises:
        TrainingError: two do not fit; a new one is written before an old one is removed.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    there = sum(file.stat().st_size for file in folder.glob(f"*{SUFFIX}")) if folder.exists() else 0
    free = shutil.disk_usage(existing).free + there
    # A new checkpoint is complete before an old one of its kind is removed.
    room = free - 2 * sizes.best_bytes - sizes.last_bytes
    fitting = math.floor(room / sizes.last_bytes)
    if fitting >= max_to_keep:
        return
    each = f"about {sizes.last_bytes / 1e9:.1f} GB each"
    problem = f"{folder}: {free / 1e9:.1f} GB are free, but checkpoints need {each}"
    if fitting < 1:
        raise TrainingError(
            f"{problem}, and two of them must fit, besides two best ones of "
            f"{sizes.best_bytes / 1e9:.1f} GB; make room, or choose another disk with "
            "--save_checkpoint_dir"
        )
    _log.warning(
        "%s: not all %d of --max_to_keep fit; make room, or keep fewer with --max_to_keep %d",
        problem, max_to_keep, fitting,
    )  # fmt: skip
