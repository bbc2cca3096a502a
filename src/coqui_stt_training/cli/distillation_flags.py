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
    unlabelled_files: tuple[str, ...] = flag(
        [], "CSV files of audio to learn from the teacher alone; their transcripts are not read"
    )

    def __post_init__(self) -> None:
        defaults = (("teacher_weight", 0.5), ("unlabelled_files", ()))
        idle = [f"--{name}" for name, unset in defaults if getattr(self, name) not in (unset, [])]
        if idle and not self.teacher:
            raise FlagError(f"{' and '.join(idle)}: name the model to learn from with --teacher")
