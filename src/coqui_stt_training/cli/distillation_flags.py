"""The flags of learning from another model."""

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
        "checkpoint folder or exported model that the model learns from, frame by frame, beside "
        "its transcripts; of the same alphabet",
    )
    teacher_weight: float = flag(
        0.5, "of what the teacher says against what the transcripts say; 1: it alone", check=share
    )

    def __post_init__(self) -> None:
        if self.teacher_weight != 0.5 and not self.teacher:
            raise FlagError("--teacher_weight: name the model to learn from with --teacher")
