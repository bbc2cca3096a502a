"""The flags of self-training on audio without transcripts."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..errors import FlagError
from .flag import not_negative, positive, probability
from .flags import flag


@dataclass(frozen=True)
class SelfTrainingFlags:
    """Audio without transcripts."""

    unlabelled_files: tuple[str, ...] = flag(
        [],
        "collections, or folders, of audio to learn from without transcripts (existing ones are "
        "ignored); `more.csv:0.5` makes that one 50 % of each epoch's clips. The --teacher, or "
        "else a running average of the model itself, transcribes it",
    )
    self_training_weight: float = flag(
        1.0,
        "without --teacher: weight of a clip that the model transcribed, relative to one with a "
        "transcript",
        check=positive,
    )
    self_training_after_epochs: int = flag(
        0,
        "without --teacher: epochs on transcribed clips only, before self-training begins; 0: "
        "half of all epochs",
        check=not_negative,
    )
    self_training_confidence: float = flag(
        0.5,
        "without --teacher: skip clips whose transcript has a lower confidence, from 0 to 1",
        check=probability,
    )

    def __post_init__(self) -> None:
        if self.of_the_model_itself and not self.unlabelled_files:
            raise FlagError(
                f"{' and '.join(self.of_the_model_itself)}: has no effect without "
                "--unlabelled_files; add it"
            )

    @property
    def of_the_model_itself(self) -> list[str]:
        """The changed flags that have no effect with a teacher."""
        return [
            f"--{item.name}"
            for item in fields(self)
            if item.name != "unlabelled_files" and getattr(self, item.name) != item.default
        ]
