"""The flags of learning from audio without transcripts."""

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
        "collections, or folders, of audio without transcripts, or whose transcripts are not to be "
        "read; `more.csv:0.5` as that share of an epoch. What is said the --teacher says; without "
        "one the model itself does, the running average of its weights",
    )
    self_training_weight: float = flag(
        1.0,
        "without --teacher: of a clip that the model transcribed itself, against one with a "
        "transcript",
        check=positive,
    )
    self_training_after_epochs: int = flag(
        0,
        "without --teacher: epochs on the transcripts alone, before the model transcribes; 0: half "
        "of them",
        check=not_negative,
    )
    self_training_confidence: float = flag(
        0.5,
        "without --teacher: leave a clip out of a step where the model is less sure of it, 0 to 1",
        check=probability,
    )

    def __post_init__(self) -> None:
        if self.of_the_model_itself and not self.unlabelled_files:
            raise FlagError(
                f"{' and '.join(self.of_the_model_itself)}: name audio to learn from with "
                "--unlabelled_files"
            )

    @property
    def of_the_model_itself(self) -> list[str]:
        """The flags that were changed, and mean nothing where a teacher says what is said."""
        return [
            f"--{item.name}"
            for item in fields(self)
            if item.name != "unlabelled_files" and getattr(self, item.name) != item.default
        ]
