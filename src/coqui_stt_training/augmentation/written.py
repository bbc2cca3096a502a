"""Augmentation of clips that are written to files: `data_set_tool --augment`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .chance import draw_augmentations, within
from .kinds import SAMPLES, SIGNAL, SPECTROGRAM
from .samples import Recording, Recordings, Samples, change_samples
from .specification import Augmentation
from .spectrogram import change_like_spectrogram

_AUDIBLE = (SAMPLES, SIGNAL, SPECTROGRAM)


def find_inaudible(augmentations: tuple[Augmentation, ...]) -> list[str]:
    """Return an error message for each augmentation that does not act on audio."""
    return [
        f"--augment {one.name}: "
        + (
            "joins training clips; it works only in training"
            if one.domain == "clips"
            else f"changes features (domain={one.domain}), not audio; it works only in training"
        )
        for one in augmentations
        if one.domain not in _AUDIBLE
    ]


@dataclass(frozen=True)
class ChangedOnce:
    """Augments each clip in a way that depends only on its name, its position and the seed.

    Attributes:
        augmentations: augmentations in the order of application within a domain.
        seed: random seed.
        sources: returns recordings to draw from by name, given a sample rate in Hz.
    """

    augmentations: tuple[Augmentation, ...]
    seed: int
    sources: Callable[[int], Mapping[str, Recordings]]

    def __call__(self, samples: Samples, rate_hz: int, name: str, clock: float) -> Samples:
        """Return the augmented samples of a clip.

        Args:
            samples: float32 `[samples]`.
            rate_hz: sample rate.
            name: name of the clip.
            clock: position of the clip among all clips, 0 to 1, for ranges that move.
        """
        draws = draw_augmentations(self.augmentations, clock, self.seed, name)
        if not draws:
            return samples
        recording = Recording(rate_hz, sources=self.sources(rate_hz))
        changed = change_samples(samples, within(draws, SAMPLES, SIGNAL), recording)
        return change_like_spectrogram(changed, within(draws, SPECTROGRAM), recording)
