"""The inputs of the training loop: the plan, the validation sets, and the surroundings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..batches.sampler import ClipGroups
from ..cli.progress_bar import ProgressBar
from ..cli.training_flags import ScheduleFlags
from ..report.run_log import RunLog
from ..scoring.decoding import Decoder
from .distributed import ALONE, World
from .freezing import Freezing
from .hidden_cache import HiddenCache
from .objective import Objective
from .schedules import LearningRateSchedule
from .self_training import SelfTraining
from .state import RunFolder


@dataclass(frozen=True)
class ValidationSets:
    """Validation sets: batches by file name."""

    dev: Mapping[str, ClipGroups]
    metrics: Mapping[str, ClipGroups]


@dataclass(frozen=True)
class Surroundings:
    """The objects that the loop interacts with.

    Attributes:
        folder: checkpoint folder.
        report: receives the events that are reported to the user.
        bar: makes progress bars.
        decoder: decoder for validation.
        interrupted: returns whether the user asked to stop.
        new_epoch: called with the number of an epoch before it begins; returns whether features are
            recomputed.
        clock: returns seconds, for the interval between checkpoints.
        world: processes of the run.
        hidden_cache: cache folder for outputs of frozen layers; None: no folder.
    """

    folder: RunFolder
    report: RunLog
    bar: Callable[[str, int], ProgressBar]
    decoder: Decoder
    interrupted: Callable[[], bool] = lambda: False
    new_epoch: Callable[[int], bool] = lambda epoch: False
    clock: Callable[[], float] = time.monotonic
    world: World = ALONE
    hidden_cache: HiddenCache | None = None


@dataclass(frozen=True)
class Plan:
    """The plan of a training run.

    Attributes:
        epochs: number of epochs.
        dropout_rates: dropout rate of each layer's output.
        seed: seed of the dropout masks.
        batches_per_step: number of batches whose gradients are accumulated for a step.
        schedule: limits for early stopping and plateaus.
        checkpoint_seconds: interval between checkpoints within an epoch; 0: none.
        learning_rates: learning rate schedule.
        max_gradient_norm: norm to which larger gradients are scaled down; 0: no clipping.
        objective: training objective.
        inner_layer: index of the encoder layer whose input also has a loss; 0: none.
        freezing: epochs from which frozen layers are trained.
        advice_on_new_layers: advice for the user if new layers on a source do not learn.
        self_training: transcribes clips without transcripts; None: there are none, or a teacher
            does.
    """

    epochs: int
    dropout_rates: Mapping[str, float]
    seed: int
    batches_per_step: int
    schedule: ScheduleFlags
    checkpoint_seconds: float
    freezing: Freezing
    learning_rates: LearningRateSchedule
    max_gradient_norm: float
    objective: Objective
    inner_layer: int = 0
    advice_on_new_layers: str = ""
    self_training: SelfTraining | None = None
