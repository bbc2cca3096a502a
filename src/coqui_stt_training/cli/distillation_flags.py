"""The flags of distillation from a teacher model."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import FlagError
from .flag import share
from .flags import flag


@dataclass(frozen=True)
class DistillationFlags:
    """Distillation."""

    teacher: str = flag(
        "",
        "checkpoint folder or exported model, with the same alphabet, whose output the model "
        "learns frame by frame, in addition to the transcripts",
    )
    teacher_weight: float = flag(
        0.5, "weight of the teacher's output against the transcripts; 1: teacher only", check=share
    )

    def __post_init__(self) -> None:
        if self.teacher_weight != 0.5 and not self.teacher:
            raise FlagError("--teacher_weight has no effect without --teacher; add it")
