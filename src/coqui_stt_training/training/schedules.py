"""Learning rate schedules: a factor as a function of the share of the run that is done.

    constant    1
    linear      linearly from 1 to the last factor
    cosine      from 1 to the last factor along half a cosine
    tri_stage   1 for the first part of the run, then exponentially down to the last factor
                (as for fine-tuning wav2vec 2.0: https://arxiv.org/abs/2006.11477, appendix B)

The optimizer does the warm-up: each layer warms up when it is first trained, which is later if it
is frozen at first; see `optimizer.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class LearningRateSchedule:
    """A learning rate schedule.

    Attributes:
        kind: one of `_SHAPES`.
        last_factor: factor at the end of the run, above 0; not used by `constant`.
        hold: share of the run in which `tri_stage` keeps the factor 1.
    """

    kind: str = "constant"
    last_factor: float = 0.05
    hold: float = 0.5

    def factor(self, done: float) -> float:
        """Return the factor of the learning rate.

        Args:
            done: share of the run's steps that are done, 0 to 1.
        """
        return _SHAPES[self.kind](self, min(max(done, 0.0), 1.0))

    def _linear(self, done: float) -> float:
        return 1.0 - (1.0 - self.last_factor) * done

    def _cosine(self, done: float) -> float:
        return self.last_factor + (1.0 - self.last_factor) * (1.0 + math.cos(math.pi * done)) / 2.0

    def _tri_stage(self, done: float) -> float:
        decayed = max(0.0, done - self.hold) / (1.0 - self.hold)
        return float(self.last_factor**decayed)


_SHAPES: dict[str, Callable[[LearningRateSchedule, float], float]] = {
    "constant": lambda schedule, done: 1.0,
    "linear": LearningRateSchedule._linear,
    "cosine": LearningRateSchedule._cosine,
    "tri_stage": LearningRateSchedule._tri_stage,
}
