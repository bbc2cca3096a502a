"""The state of training, and the folder it is saved to."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from ..checkpoints.file import Checkpoint, read_checkpoint
from ..checkpoints.folder import CheckpointFolder
from ..checkpoints.run_record import RunRecord
from ..checkpoints.state_file import Kind
from ..models.acoustic_model import AcousticModel
from .average import WeightAverage
from .distributed import ALONE, World
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


class RunFolder:
    """Saves the checkpoints of one run, and keeps its record.

    A last checkpoint and the best one that it refers to are recorded together, in one step. A best
    one that is written and not yet recorded is as if it were not there: the run would go on from
    the checkpoint before it.

    Args:
        folder: where to.
        description: a checkpoint with all that does not change during the run; no tensors.
        max_to_keep: how many of the last checkpoints to keep; of the best, one is kept.
        record: how the run began, and what it has.
        world: the processes of the run, of which the first writes.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        description: Checkpoint,
        max_to_keep: int,
        record: RunRecord,
        world: World = ALONE,
    ) -> None:
        self.folder = folder
        self.description = description
        self.record = record
        self._max_to_keep = max_to_keep
        self._world = world

    @property
    def last(self) -> Path | None:
        """The newest checkpoint that the run can go on from; None before the first."""
        return self.folder.path / self.record.last[-1] if self.record.last else None

    def begin(self) -> None:
        """Clean and describe the folder, and record what the run is about to do.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        self.record = self._world.first(self._begin)

    def _begin(self) -> RunRecord:
        self.folder.describe(self.description.flags, self.description.alphabet.serialize_text())
        return self.folder.take_over(self.record)

    def save(self, kind: Kind, state: TrainingState) -> str:
        """Write a checkpoint and return its file name.

        The last one holds the weights, their average and the optimizer's state, to go on from; the
        best one holds what was validated.

        Raises:
            CheckpointError: it cannot be written; what was recorded before is intact.
        """
        progress = state.progress
        progress.loss_scale = state.precision.state
        progress.averaged_steps = state.average.updates if state.average else 0
        checkpoint = self._checkpoint(kind, state)
        name, self.record = self._world.first(lambda: self._write(kind, checkpoint, progress))
        _log.debug("Saved %s", name)
        return name

    def _checkpoint(self, kind: Kind, state: TrainingState) -> Checkpoint:
        """Return what is to be written; in the processes that do not write it lacks tensors."""
        arrays, both = self._world.arrays, kind == "last" and state.average is not None
        weights = (state.model if both else state.validated_model).state_dict()
        return replace(
            self.description,
            tensors=arrays(weights),
            average=arrays(state.validated_model.state_dict()) if both else None,
            adam=state.optimizer.state(arrays) if kind == "last" else None,
            step=state.progress.step,
            run=state.progress.as_json(),
        )

    def _write(
        self, kind: Kind, checkpoint: Checkpoint, progress: Progress
    ) -> tuple[str, RunRecord]:
        name, record = self.folder.write(kind, checkpoint, self.record)
        if kind == "last":
            last = [*(kept for kept in record.last if kept != name), name]
            record = self.folder.record(
                replace(
                    record,
                    phase="evaluating" if progress.finished else "training",
                    finished=progress.finished,
                    last=tuple(last[-self._max_to_keep :]),
                    best=progress.best_checkpoint,
                )
            )
        return name, record

    def end(self) -> None:
        """Record that nothing is left to do.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        if self._world.is_first:  # nobody waits for it: the others are done
            self.record = self.folder.record(replace(self.record, phase="done"))

    def reload(self, name: str) -> Checkpoint:
        """Read one of this run's checkpoints.

        Raises:
            CheckpointError: it is gone or damaged.
        """
        return read_checkpoint(self.folder.path / name, mapped=True)
