"""Early stopping, and detection of plateaus."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..cli.training_flags import ScheduleFlags
from .progress import Progress


@dataclass(frozen=True)
class Patience:
    """Counts validated epochs without improvement.

    Attributes:
        schedule: limits for early stopping and plateaus.
    """

    schedule: ScheduleFlags

    def count(self, progress: Progress, loss: float) -> None:
        """Note the loss of a validated epoch."""
        lowest = math.inf if progress.best_dev_loss is None else progress.best_dev_loss
        improved = loss <= lowest - self.schedule.es_min_delta
        progress.epochs_without_improvement = (
            0 if improved else progress.epochs_without_improvement + 1
        )
        progress.best_dev_loss = min(lowest, loss)

    def is_at_end(self, progress: Progress) -> bool:
        """Return whether training should stop early."""
        return (
            self.schedule.early_stop
            and progress.epochs_without_improvement >= self.schedule.es_epochs
        )

    def is_on_plateau(self, progress: Progress) -> bool:
        """Return whether the learning rate should be reduced now."""
        stale = progress.epochs_without_improvement
        return bool(
            self.schedule.reduce_lr_on_plateau
            and stale
            and stale % self.schedule.plateau_epochs == 0
        )
