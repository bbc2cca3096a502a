"""The progress of a training run, which checkpoints store so that the run can be resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from stt.plain_values import restore

from ..errors import CheckpointError


@dataclass
class Progress:
    """The state of a run besides its weights. Everything random follows from it and the seed.

    Attributes:
        identity: identity of the run, which decides whether a command resumes it; see
            `runs/identity.py`.
        begun_step: number of training steps of the source.
        step: number of training steps so far, including the source's.
        learning_rate: current learning rate.
        epoch: current epoch, from 0.
        batch: next batch of the epoch, over all processes; after the last one, validation is next.
        loss_sum: sum of the losses of the epoch's batches so far.
        loss_count: number of batches in `loss_sum`.
        best_dev_loss: lowest validation loss so far; None before the first validation.
        best_checkpoint: file name of the best checkpoint; None before the first validation.
        best_loss: validation loss of the best checkpoint.
        best_cer: character error rate of the best checkpoint.
        best_heard: whether the best checkpoint was chosen by its CER; see `best.py`.
        epochs_without_improvement: number of validations without improvement.
        waited_epochs: number of epochs for which layers stayed frozen beyond the plan.
        non_finite_steps: number of consecutive steps skipped because the loss was not finite.
        averaged_steps: number of steps in the running average of the weights.
        loss_scale: loss scale of float16 training.
        processes: number of processes in the last step.
        history: results of past epochs, as JSON; see `report/epochs.py`.
        finished: reason for the end of the run; empty before its end.
    """

    identity: Mapping[str, Any]
    begun_step: int
    step: int
    learning_rate: float
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    best_dev_loss: float | None = None
    best_checkpoint: str | None = None
    best_loss: float | None = None
    best_cer: float | None = None
    best_heard: bool = False
    epochs_without_improvement: int = 0
    waited_epochs: int = 0
    non_finite_steps: int = 0
    averaged_steps: int = 0
    loss_scale: Mapping[str, Any] = field(default_factory=dict)
    processes: int = 1
    history: Sequence[Mapping[str, Any]] = ()
    finished: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the progress as JSON values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Progress:
        """Restore the progress from a checkpoint.

        Raises:
            CheckpointError: the progress is malformed.
        """
        names = {item.name for item in fields(cls)}
        kept = _with_scores_named(kept)
        if not {"identity", "begun_step", "step", "learning_rate"} <= set(kept) <= names:
            raise CheckpointError("the checkpoint's record of its run is malformed")
        try:
            return restore(cls, kept)
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"the checkpoint's record of its run is malformed ({error})"
            ) from None

    def begin_epoch(self, epoch: int) -> None:
        """Move to the start of an epoch."""
        self.epoch, self.batch, self.loss_sum, self.loss_count = epoch, 0, 0.0, 0

    @property
    def planned_epoch(self) -> int:
        """Epoch of the plan, which does not advance while layers stay frozen beyond the plan."""
        return self.epoch - self.waited_epochs

    @property
    def mean_loss(self) -> float:
        """Mean loss of the epoch's batches so far."""
        return self.loss_sum / self.loss_count if self.loss_count else float("nan")


def _with_scores_named(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a record of an earlier version, in which the best epoch's scores are a list.

    The list has the character error rate and the loss, or the loss alone.
    """
    named = dict(kept)
    scores = named.pop("best_score", ())
    if scores:
        named |= zip(("best_loss", "best_cer"), reversed(scores), strict=False)
    return named
