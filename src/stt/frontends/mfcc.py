"""MFCC features for training, evaluation, export and runtime.

    frame     n = samples[n * step : n * step + window],  only complete frames
    power       = | rfft(frame * periodic Hann window, fft_length) |^2, rounded to float32
    mel         = sqrt(power) @ triangular mel filters, 20 Hz to rate / 2
    mfcc        = log(max(mel, 1e-12)) @ orthonormal-scaled DCT-II

These are TensorFlow's operators `audio_spectrogram` (squared magnitudes) and `mfcc`, as used by
upstream. Like them, this code computes in float64 (in float32, the rounding noise of a pure tone
would be far above the floor of the logarithm) and rounds the power spectrum to float32. So features
equal upstream's to the bit, which the rounding in int8 models requires. NumPy and PyTorch have the
same names for all operations used here, so the same lines run on arrays and on tensors of any
device. This module does not import PyTorch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .framing import windows_of
from .front_end import PowerChange
from .mfcc_config import MFCC_COEFFICIENTS, FeatureConfig

__all__ = [
    "LOG_FLOOR",
    "LOWER_FREQUENCY_HZ",
    "MEL_CHANNELS",
    "Mfcc",
    "dct_matrix",
    "hann_window",
    "mel_filters",
]

MEL_CHANNELS = 40
LOWER_FREQUENCY_HZ = 20.0
LOG_FLOOR = 1e-12


@dataclass(frozen=True)
class Mfcc:
    """Computes features. The tables are NumPy arrays; `to` moves them to PyTorch.

    Example:
        >>> mfcc = Mfcc(FeatureConfig())
        >>> mfcc(np.zeros(16000, np.float32)).shape
        (49, 26)
    """

    config: FeatureConfig
    backend: Any = field(default=np, repr=False)  # module of the arrays: numpy or torch
    device: Any = None  # device of the tensors, if the backend is torch
    on_power: PowerChange | None = field(default=None, repr=False)  # see `FrontEnd.extractor`

    def to(self, backend: Any, device: Any = None) -> Mfcc:
        """Return the same front end for another backend and device."""
        return Mfcc(self.config, backend, device, self.on_power)

    @cached_property
    def _window(self) -> Any:
        return self._table(hann_window(self.config.window_samples))

    @cached_property
    def _mel(self) -> Any:
        return self._table(mel_filters(self.config.sample_rate_hz, self.config.fft_length))

    @cached_property
    def _dct(self) -> Any:
        return self._table(dct_matrix())

    def _table(self, table: NDArray[np.float64]) -> Any:
        return table if self.backend is np else self.backend.from_numpy(table).to(self.device)

    def frames(self, samples: Any) -> Any:
        """Return the complete frames of audio: `[..., samples]` to `[..., frames, window]`, a view.

        Audio shorter than one window has no frames.
        """
        window, step = self.config.window_samples, self.config.step_samples
        if samples.shape[-1] < window:
            return samples[..., :0].reshape(*samples.shape[:-1], 0, window)
        if self.backend is np and samples.ndim == 1:
            return windows_of(samples, window, step)
        if self.backend is np:
            return np.lib.stride_tricks.sliding_window_view(samples, window, axis=-1)[
                ..., ::step, :
            ]
        return samples.unfold(-1, window, step)

    def __call__(self, samples: Any) -> Any:
        """Return the features of audio.

        Args:
            samples: float32 `[..., samples]`, full scale at -1 and 1.

        Returns:
            float32 `[..., frames, 26]`.
        """
        return self.from_frames(self.frames(samples))

    def from_frames(self, frames: Any) -> Any:
        """Return the features of audio already cut into frames.

        Args:
            frames: float32 `[..., frames, window]`.

        Returns:
            float32 `[..., frames, 26]`.
        """
        spectrum = self.backend.fft.rfft(frames * self._window, self.config.fft_length)
        power = self.backend.square(spectrum.real) + self.backend.square(spectrum.imag)
        rounded = self.backend.asarray(power, dtype=self.backend.float32)
        rounded = self.on_power(rounded) if self.on_power else rounded
        magnitude = self.backend.asarray(rounded, dtype=self.backend.float64) ** 0.5
        mel = magnitude @ self._mel
        mfcc = self.backend.log(self.backend.clip(mel, LOG_FLOOR, None)) @ self._dct
        return self.backend.asarray(mfcc, dtype=self.backend.float32)


@cache
def hann_window(length_samples: int) -> NDArray[np.float64]:
    """Periodic Hann window, float64 `[length]`."""
    n = np.arange(length_samples)
    window: NDArray[np.float64] = 0.5 - 0.5 * np.cos(2 * np.pi * n / length_samples)
    return window


@cache
def mel_filters(sample_rate_hz: int, fft_length: int) -> NDArray[np.float64]:
    """Triangular filters on the mel scale, float64 `[fft_length // 2 + 1, 40]`.

    As TensorFlow's `mfcc_mel_filterbank.cc`: band edges are equally spaced in mel(f) =
    1127 ln(1 + f / 700), and each bin is weighted by its distance in mel to the edges around it.
    Bins below 20 Hz (always including DC) or above rate / 2 belong to no channel.
    """

    def mel(frequency_hz: Any) -> Any:
        return 1127.0 * np.log1p(frequency_hz / 700.0)

    low, high = mel(LOWER_FREQUENCY_HZ), mel(sample_rate_hz / 2)
    edges = low + (high - low) / (MEL_CHANNELS + 1) * np.arange(MEL_CHANNELS + 2)
    hertz_per_bin = sample_rate_hz / fft_length
    bins = np.arange(fft_length // 2 + 1)
    bin_mel = mel(bins * hertz_per_bin)[:, None]
    rising = (bin_mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bin_mel) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rising, falling))
    first_bin = int(1.5 + LOWER_FREQUENCY_HZ / hertz_per_bin)
    weights[:first_bin] = 0.0
    return np.asarray(weights, np.float64)


@cache
def dct_matrix() -> NDArray[np.float64]:
    """DCT-II matrix from 40 log energies to 26 coefficients, float64 `[40, 26]`."""
    channel = np.arange(MEL_CHANNELS)[:, None] + 0.5
    coefficient = np.arange(MFCC_COEFFICIENTS)[None, :]
    scale = np.sqrt(2.0 / MEL_CHANNELS)
    return np.asarray(scale * np.cos(np.pi / MEL_CHANNELS * channel * coefficient))
