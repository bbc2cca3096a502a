"""The flags of `learning_curve`: its own, and those of `train`, which it passes on."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FlagError
from .config import TrainConfig
from .flags import at_most, flag, positive


@dataclass(frozen=True)
class CurveFlags:
    """Learning curve."""

    out: str = flag(
        "", "output folder for the curve and its page; the same command continues what it holds"
    )
    parts: tuple[str, ...] = flag(
        ["0.125", "0.25", "0.5", "1"],
        "fractions of the training data to train on, each above 0, at most 1",
    )
    seeds: int = flag(
        3,
        "number of trainings on each part, each with different clips and initial weights",
        check=at_most(100),
    )
    interval: float = flag(0.8, "coverage probability of the intervals", check=positive)
    keep_models: bool = flag(False, "keep the checkpoints of all trainings")

    def __post_init__(self) -> None:
        self.sizes()
        if self.interval >= 1:
            raise FlagError("--interval: must be less than 1")

    def sizes(self) -> list[float]:
        """Return the parts in ascending order.

        Raises:
            FlagError: a part is not a number above 0 and up to 1, or there are too few for a curve.
        """
        try:
            parts = sorted({float(part) for part in self.parts})
        except ValueError:
            parts = [0.0]
        if not all(0 < part <= 1 for part in parts):
            raise FlagError(
                f"--parts {' '.join(self.parts)}: must be numbers above 0, and 1 at most"
            )
        if len(parts) < _LEAST_PARTS:
            raise FlagError(f"--parts: a curve needs at least {_LEAST_PARTS} different ones")
        return parts


_LEAST_PARTS = 3


@dataclass(frozen=True)
class CurveConfig(TrainConfig):
    """All flags of `learning_curve`."""

    curve: CurveFlags = CurveFlags()
