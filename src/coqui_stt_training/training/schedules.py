"""How the learning rate goes over a run: what factor it has when so much of the run is done.

    constant    1
    linear      from 1 to the last factor, by the same amount each step
    cosine      from 1 to the last factor along half a cosine
    tri_stage   1 for the first part of the run, then by the same factor each step to the last one
                (as wav2vec 2.0 is fine-tuned: https://arxiv.org/abs/2006.11477, appendix B)

The warm-up before these is the optimizer's: each layer warms up when it is first trained, which is
later than the run's begin where it is frozen at first; see `optimizer.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class LearningRateSchedule:
    """A schedule.

    Attributes:
        kind: one of `_SHAPES`.
        last_factor: the factor at the end of the run, above 0; not of `constant`.
        hold: what part of the run `tri_stage` keeps the whole rate for.
    """

    kind: str = "constant"
    last_factor: float = 0.05
    hold: float = 0.5

    def factor(self, done: float) -> float:
        """Return the factor of the learning rate.

        Args:
            done: what part of the run's steps is done, 0 to 1.
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
