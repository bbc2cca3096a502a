"""What the training loop is given: what to do, what to validate with, and what it talks to."""

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
    """What to validate with, in batches, by file name."""

    dev: Mapping[str, ClipGroups]
    metrics: Mapping[str, ClipGroups]


@dataclass(frozen=True)
class Surroundings:
    """What the loop talks to.

    Attributes:
        folder: where checkpoints go.
        report: what people read of the run.
        bar: makes progress bars.
        decoder: for validation.
        interrupted: whether the user asked to stop.
        new_epoch: called with the number of an epoch before it begins; says whether features are
            computed anew.
        clock: seconds, for the interval between checkpoints.
        world: the processes of the run.
        hidden_cache: keeps what frozen layers gave for later runs; None: nothing does.
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
    """What to do.

    Attributes:
        epochs: how many.
        dropout_rates: of each layer's output.
        seed: of the dropout masks.
        batches_per_step: whose gradients are added up before the weights change.
        schedule: early stopping and plateaus.
        checkpoint_seconds: between checkpoints within an epoch; 0: none there.
        learning_rates: how the learning rate goes over the run.
        max_gradient_norm: to which gradients are scaled down; 0: they are taken as they are.
        objective: what training lowers.
        inner_layer: number of an encoder's layer before which the loss is also taken; 0: none.
        freezing: which layers are trained when.
        advice_on_new_layers: what to try where new layers on a source do not learn.
        self_training: transcribes clips that have no transcript; None: there are none, or a teacher
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
