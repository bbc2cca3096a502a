"""How far a training run is: what a checkpoint keeps so that the run can go on from it."""

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
        identity: what makes two commands the same run; see `runs/identity.py`.
        begun_step: training steps that the source already had.
        step: training steps behind the weights, the source's included.
        learning_rate: the current one.
        epoch: the current epoch, from 0.
        batch: the batch of the epoch that comes next, of those of all processes; all done:
            validation comes next.
        loss_sum: of the epoch's batches so far.
        loss_count: of batches in `loss_sum`.
        best_dev_loss: the lowest validation loss so far; None before the first.
        best_checkpoint: name of the best checkpoint's file; None before the first validation.
        best_loss: its validation loss.
        best_cer: its character error rate.
        best_heard: whether it was chosen by that rate; see `best.py`.
        epochs_without_improvement: for early stopping and plateaus.
        waited_epochs: for how many epochs layers stayed frozen beyond the plan.
        non_finite_steps: steps skipped in a row because their loss was not finite.
        averaged_steps: steps in the running average of the weights.
        loss_scale: of float16 training.
        processes: how many of them did the last step.
        history: what the epochs behind came to, as JSON; see `report/epochs.py`.
        finished: why the run is over; empty while it is not.
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
        """Return what a checkpoint keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Progress:
        """Return the progress that a checkpoint kept.

        Raises:
            CheckpointError: it is malformed.
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
        """The epoch of the plan, which waiting repeats."""
        return self.epoch - self.waited_epochs

    @property
    def mean_loss(self) -> float:
        """Mean loss of the epoch's batches so far."""
        return self.loss_sum / self.loss_count if self.loss_count else float("nan")


def _with_scores_named(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record in which the best epoch's scores have names.

    Earlier ones have a list of them, in the order in which they counted: the character error rate
    and the loss, or the loss alone.
    """
    named = dict(kept)
    scores = named.pop("best_score", ())
    if scores:
        named |= zip(("best_loss", "best_cer"), reversed(scores), strict=False)
    return named
