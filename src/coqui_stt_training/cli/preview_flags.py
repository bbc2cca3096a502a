"""The flags of `augment_preview`."""

from __future__ import annotations

from dataclasses import dataclass

from ..augmentation.specification import parse_augmentations
from ..errors import FlagError
from .config import LogFlags
from .data_flags import Names
from .flag import at_most, flag, positive


@dataclass(frozen=True)
class PreviewFlags:
    """Preview."""

    audio: Names = flag([], "recordings to augment: audio files, CSV files or other collections")
    augment: Names = flag([], "augmentations, as in train", repeatable=True)
    output: str = flag("augmentation.html", "HTML page to write")
    variants: int = flag(3, "number of augmented versions of each recording", check=at_most(100))
    limit: int = flag(4, "use at most N recordings", check=at_most(100))
    clock: float = flag(
        0.0,
        "progress of training, from 0 to 1, for values that change with it",
        check=lambda value: None if 0 <= value <= 1 else "must be from 0 to 1",
    )
    audio_sample_rate: int = flag(16000, "sample rate in Hz that the model expects", check=positive)
    random_seed: int = flag(4568, "seed of the augmentations")

    def __post_init__(self) -> None:
        for one in parse_augmentations(self.augment):
            if one.name == "join":
                raise FlagError(
                    "--augment join concatenates clips and cannot be shown here; leave it out"
                )


@dataclass(frozen=True)
class PreviewConfig:
    """All flags of `augment_preview`."""

    preview: PreviewFlags = PreviewFlags()
    output: LogFlags = LogFlags()
