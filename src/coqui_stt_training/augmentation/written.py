"""Clips that are changed once, to be written: `data_set_tool --augment`."""

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
    """Return what no audio file can hold, a sentence for each."""
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
    """Changes each clip as its name, its place and the seed decide, always in the same way.

    Attributes:
        augmentations: in the order in which they act within a domain.
        seed: of what is drawn.
        sources: gives the recordings that they draw from, by name, at a rate in Hz.
    """

    augmentations: tuple[Augmentation, ...]
    seed: int
    sources: Callable[[int], Mapping[str, Recordings]]

    def __call__(self, samples: Samples, rate_hz: int, name: str, clock: float) -> Samples:
        """Return the samples of a clip, changed.

        Args:
            samples: float32 `[samples]`.
            rate_hz: of these.
            name: of the clip.
            clock: its place among all of them, 0 to 1, for values that move.
        """
        draws = draw_augmentations(self.augmentations, clock, self.seed, name)
        if not draws:
            return samples
        recording = Recording(rate_hz, sources=self.sources(rate_hz))
        changed = change_samples(samples, within(draws, SAMPLES, SIGNAL), recording)
        return change_like_spectrogram(changed, within(draws, SPECTROGRAM), recording)
