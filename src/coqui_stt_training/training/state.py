"""The state of training, and the folder it is saved to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from ..checkpoints.file import Checkpoint, read_checkpoint
from ..checkpoints.folder import CheckpointFolder
from ..checkpoints.state_file import Kind
from ..models.acoustic_model import AcousticModel
from ..models.tensors import weights_of
from .average import WeightAverage
from .optimizer import Adam
from .precision import Precision
from .progress import Progress

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingState:
    """All that training changes; without an average, the weights themselves are validated."""

    model: AcousticModel
    average: WeightAverage | None
    optimizer: Adam
    precision: Precision
    progress: Progress

    @property
    def validated_model(self) -> AcousticModel:
        """The model to validate, evaluate and keep as the best."""
        return self.average.model if self.average else self.model


@dataclass(frozen=True)
class RunFolder:
    """Saves the checkpoints of one run.

    Attributes:
        folder: where to.
        description: a checkpoint with all that does not change during the run; no tensors.
        max_to_keep: how many of the last checkpoints to keep; of the best, the newest is kept.
    """

    folder: CheckpointFolder
    description: Checkpoint
    max_to_keep: int

    def begin(self) -> None:
        """Make the folder, with a description for people."""
        self.folder.describe(self.description.flags, self.description.alphabet.serialize_text())

    def save(self, kind: Kind, state: TrainingState) -> str:
        """Write a checkpoint and return its file name.

        The last one holds the weights and their average, to go on from; the best one holds what
        was validated.
        Superseded ones are deleted only after a last checkpoint no longer refers to them.
        """
        progress = state.progress
        progress.loss_scale = state.precision.state
        progress.averaged_steps = state.average.updates if state.average else 0
        both = kind == "last" and state.average is not None
        checkpoint = replace(
            self.description,
            tensors=weights_of(state.model if both else state.validated_model),
            average=weights_of(state.validated_model) if both else None,
            adam=state.optimizer.state(),
            step=progress.step,
            run=progress.as_json(),
        )
        path = self.folder.save(kind, checkpoint)
        if kind == "last":
            self.folder.prune("last", self.max_to_keep, progress.begun_step)
            self.folder.prune("best", 1, progress.begun_step)
        _log.debug("Saved %s", path)
        return path.name

    def reload(self, name: str) -> Checkpoint:
        """Read one of this run's checkpoints.

        Raises:
            CheckpointError: it is gone or damaged.
        """
        return read_checkpoint(self.folder.path / name)
