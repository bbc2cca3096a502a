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
    """Everything that training changes. Without an average, the model itself is validated."""

    model: AcousticModel
    average: WeightAverage | None
    optimizer: Adam
    precision: Precision
    progress: Progress

    @property
    def validated_model(self) -> AcousticModel:
        """The model to validate, to evaluate and to save as the best."""
        return self.average.model if self.average else self.model


class RunFolder:
    """Saves the checkpoints of one run, and keeps its record.

    A last checkpoint and the best one that it refers to are recorded together, in one step. A best
    checkpoint that is written but not yet recorded does not count: a resumed run would start from
    the last checkpoint before it.

    Args:
        folder: checkpoint folder.
        description: checkpoint with everything that does not change during the run; no tensors.
        max_to_keep: number of last checkpoints to keep; one best checkpoint is kept.
        record: record of the run: its start and its checkpoints.
        world: processes of the run, of which the first writes.
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
        """The newest checkpoint to resume from; None before the first."""
        return self.folder.path / self.record.last[-1] if self.record.last else None

    def begin(self) -> None:
        """Clean the folder, write the run's description and its record.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        self.record = self._world.first(self._begin)

    def _begin(self) -> RunRecord:
        self.folder.describe(self.description.flags, self.description.alphabet.serialize_text())
        return self.folder.take_over(self.record)

    def save(self, kind: Kind, state: TrainingState) -> str:
        """Write a checkpoint and return its file name.

        A last checkpoint contains the weights, their average and the optimizer's state; the best
        checkpoint contains the validated weights.

        Raises:
            CheckpointError: the file cannot be written; earlier checkpoints are intact.
        """
        progress = state.progress
        progress.loss_scale = state.precision.state
        progress.averaged_steps = state.average.updates if state.average else 0
        checkpoint = self._checkpoint(kind, state)
        name, self.record = self._world.first(lambda: self._write(kind, checkpoint, progress))
        _log.debug("Saved %s", name)
        return name

    def _checkpoint(self, kind: Kind, state: TrainingState) -> Checkpoint:
        """Return the checkpoint to write; without tensors in processes that do not write."""
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
        """Record that the run is done.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        if self._world.is_first:  # the others need not wait
            self.record = self.folder.record(replace(self.record, phase="done"))

    def reload(self, name: str) -> Checkpoint:
        """Read one of this run's checkpoints.

        Raises:
            CheckpointError: the file is missing or damaged.
        """
        return read_checkpoint(self.folder.path / name, mapped=True)
