"""What front ends with mel bands of 16 kHz audio, a frame each 10 ms, say alike of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

STEP_SAMPLES = 160
_MOST_CHANNELS = 1024


@dataclass(frozen=True)
class MelBands:
    """A description whose frames hold the energies of mel bands.

    Attributes:
        mel_channels: how many bands.

    Raises:
        ValueError: not a number of channels that could be meant.
    """

    usual_channels: ClassVar[str] = "80 or 128"

    mel_channels: int = 80

    def __post_init__(self) -> None:
        if not 1 <= self.mel_channels <= _MOST_CHANNELS:
            raise ValueError(f"{self.mel_channels} mel channels; {self.usual_channels} are usual")

    @property
    def sample_rate_hz(self) -> int:
        """Of the audio."""
        return 16000

    @property
    def values(self) -> int:
        """Values of one frame."""
        return self.mel_channels

    @property
    def step_seconds(self) -> float:
        """From the start of one frame to that of the next."""
        return STEP_SAMPLES / self.sample_rate_hz
