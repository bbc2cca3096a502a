"""Kaldi's filter-bank energies, normalised over the clip, in stacks of frames, as for w2v-BERT.

    frame    = 32768 x, minus its mean; then x[t] - 0.97 x[t - 1]
    power    = |fft|^2              25 ms Povey windows every 10 ms within the clip, 512 points
    log      = log(max(power @ mel filters, 2^-23))     20 Hz to rate / 2
    features = (log - mean) / sqrt(variance + 1e-7)     of each channel, over the clip

After `SeamlessM4TFeatureExtractor` of transformers, and `compute-fbank-feats` of Kaldi.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .framing import frames_of, normalized_over_time
from .front_end import PowerChange
from .mel_bands import STEP_SAMPLES, MelBands, mel_energies

_EMPHASIS = 0.97
_WINDOW_SAMPLES, _FFT_LENGTH = 400, 512
_POVEY_POWER = 0.85  # exponent applied to a Hann window
_LOWEST_HZ = 20.0
_FULL_SCALE = 32768.0
_MEL_FLOOR = 2.0**-23
_VARIANCE_FLOOR = 1e-7


@dataclass(frozen=True)
class Fbank(MelBands):
    """Kaldi's filter-bank energies of audio at 16 kHz.

    Attributes:
        mel_channels: number of mel bands.
        stacked: number of frames, of 100 per second, concatenated into one.

    Raises:
        ValueError: a value is out of range.
    """

    kind: ClassVar[str] = "fbank"
    usual_channels: ClassVar[str] = "80"

    stacked: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.stacked <= 16:
            raise ValueError(f"{self.stacked} frames in one; 2 are usual")

    @property
    def values(self) -> int:
        """Number of values of one frame."""
        return self.mel_channels * self.stacked

    @property
    def step_seconds(self) -> float:
        """Time from the start of one frame to that of the next."""
        return self.stacked * STEP_SAMPLES / self.sample_rate_hz

    def frame_count(self, sample_count: int) -> int:
        """Return the number of whole stacks of frames in `sample_count` samples."""
        whole = max(0, 1 + (sample_count - _WINDOW_SAMPLES) // STEP_SAMPLES)
        return whole // self.stacked

    def extractor(
        self, backend: Any = np, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function from samples to features; see `FrontEnd.extractor`."""
        window = np.hanning(_WINDOW_SAMPLES) ** _POVEY_POWER
        filters = kaldi_mel_filters(self.sample_rate_hz, _FFT_LENGTH, self.mel_channels)
        energies = mel_energies(window, filters, backend, device, on_power)

        def extract(samples: Any) -> Any:
            count = self.frame_count(samples.shape[-1])
            if count == 0:
                return samples[:0].reshape(0, self.values)
            wide = backend.asarray(samples, dtype=backend.float64) * _FULL_SCALE
            frames = frames_of(wide, _WINDOW_SAMPLES, STEP_SAMPLES, backend)
            frames = frames - frames.mean(-1)[:, None]
            # The first sample of a frame stands in for the one before it.
            before = backend.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
            mel = energies(frames - _EMPHASIS * before)
            log = backend.log(backend.clip(mel, _MEL_FLOOR, None))
            features = normalized_over_time(log, _VARIANCE_FLOOR, backend, inside=True)
            count = len(features) // self.stacked
            return features[: count * self.stacked].reshape(count, self.values)

        return extract


@cache
def kaldi_mel_filters(sample_rate_hz: int, fft_length: int, channels: int) -> NDArray[np.float64]:
    """Triangular filters of equal height, float64 `[fft_length // 2 + 1, channels]`.

    They are triangles on the mel scale; those of other toolkits are triangles in Hz.
    """
    edges = np.linspace(_mel(_LOWEST_HZ), _mel(sample_rate_hz / 2), channels + 2)
    bins = _mel(np.arange(fft_length // 2 + 1) * sample_rate_hz / fft_length)
    distances = edges[None, :] - bins[:, None]
    widths = np.diff(edges)
    rising, falling = -distances[:, :-2] / widths[:-1], distances[:, 2:] / widths[1:]
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)))


def _mel(frequency_hz: Any) -> Any:
    return 1127.0 * np.log(1.0 + frequency_hz / 700.0)
