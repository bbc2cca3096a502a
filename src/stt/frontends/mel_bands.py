"""Shared parts of the front ends that compute mel bands of 16 kHz audio every 10 ms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .front_end import PowerChange

STEP_SAMPLES = 160
_MOST_CHANNELS = 1024


@dataclass(frozen=True)
class MelBands:
    """Base of the descriptions of front ends whose frames are energies of mel bands.

    Attributes:
        mel_channels: number of mel bands.

    Raises:
        ValueError: the number of mel bands is out of range.
    """

    usual_channels: ClassVar[str] = "80 or 128"

    mel_channels: int = 80

    def __post_init__(self) -> None:
        if not 1 <= self.mel_channels <= _MOST_CHANNELS:
            raise ValueError(f"{self.mel_channels} mel channels; {self.usual_channels} are usual")

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the audio."""
        return 16000

    @property
    def values(self) -> int:
        """Number of values of one frame."""
        return self.mel_channels

    @property
    def step_seconds(self) -> float:
        """Time from the start of one frame to that of the next."""
        return STEP_SAMPLES / self.sample_rate_hz


def mel_energies(
    window: NDArray[np.float64],
    filters: NDArray[np.float64],
    backend: Any,
    device: Any,
    on_power: PowerChange | None,
) -> Callable[[Any], Any]:
    """Return the function from frames to the energies of their mel bands.

    It computes in float64: in silence, the rounding noise of a float32 FFT is above the floor.

    Args:
        window: window function `[samples]`.
        filters: mel filters `[fft_length // 2 + 1, channels]`.
        backend: see `FrontEnd.extractor`.
        device: see `FrontEnd.extractor`.
        on_power: see `FrontEnd.extractor`.

    Returns:
        A function from `[frames, samples]` to float64 `[frames, channels]`.
    """
    fft_length = 2 * (len(filters) - 1)
    weights, bands = (
        table if backend is np else backend.from_numpy(table).to(device)
        for table in (window, filters)
    )

    def energies(frames: Any) -> Any:
        power = abs(backend.fft.rfft(frames * weights, fft_length)) ** 2
        return (on_power(power) if on_power else power) @ bands

    return energies
