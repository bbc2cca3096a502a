"""Log-mel energies, the input of Whisper encoders.

    power    = |stft|^2          25 ms periodic Hann windows every 10 ms, centred, 400 points
    mel      = power @ Slaney mel filters, 0 Hz to rate / 2
    log      = log10(max(mel, 1e-10))
    features = (max(log, max over the clip - 8) + 4) / 4

As `log_mel_spectrogram` of https://github.com/openai/whisper, which first pads a clip with silence
to 30 seconds. Here the number of frames follows from the length of the clip, but the frames are the
same: the clip is mirrored at its start, and followed by zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .framing import frames_of, zeros_around
from .front_end import PowerChange
from .mel_bands import STEP_SAMPLES, MelBands, mel_energies

_FFT_LENGTH = 400
_LOG_FLOOR = 1e-10
_DYNAMIC_RANGE = 8.0  # in powers of ten


@dataclass(frozen=True)
class LogMel(MelBands):
    """Log-mel energies of audio at 16 kHz, 100 frames per second.

    Attributes:
        mel_channels: number of mel bands: 80, or 128 since Whisper large-v3.

    Raises:
        ValueError: the number of mel bands is out of range.
    """

    kind: ClassVar[str] = "log_mel"

    def frame_count(self, sample_count: int) -> int:
        """Return the number of frames centred within `sample_count` samples."""
        return -(-sample_count // STEP_SAMPLES)

    def extractor(
        self, backend: Any = np, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function from samples to features; see `FrontEnd.extractor`."""
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FFT_LENGTH) / _FFT_LENGTH)
        filters = slaney_mel_filters(self.sample_rate_hz, _FFT_LENGTH, self.mel_channels)
        energies = mel_energies(window, filters, backend, device, on_power)

        def extract(samples: Any) -> Any:
            count = self.frame_count(samples.shape[-1])
            if count == 0:
                return samples[:0].reshape(0, self.mel_channels)
            frames = _centred_frames(samples, count, backend)
            log = backend.log10(backend.clip(energies(frames), _LOG_FLOOR, None))
            log = backend.clip(log, log.max() - _DYNAMIC_RANGE, None)
            return backend.asarray((log + 4.0) / 4.0, dtype=backend.float32)

        return extract


def _centred_frames(samples: Any, count: int, backend: Any) -> Any:
    """Return frames `[count, 400]`; frame n is centred on sample 160 n."""
    half = _FFT_LENGTH // 2
    length = (count - 1) * STEP_SAMPLES + _FFT_LENGTH
    kept = min(samples.shape[-1], length - half)
    padded = zeros_around(samples[:kept], half, length - half - kept, backend)
    mirrored = min(half, samples.shape[-1] - 1)
    padded[half - mirrored : half] = backend.flip(samples[1 : 1 + mirrored], (0,))
    return frames_of(padded, _FFT_LENGTH, STEP_SAMPLES, backend)


@cache
def slaney_mel_filters(sample_rate_hz: int, fft_length: int, channels: int) -> NDArray[np.float64]:
    """Triangular filters of equal area, float64 `[fft_length // 2 + 1, channels]`.

    The mel scale is that of Slaney's Auditory Toolbox and `librosa.filters.mel`: linear up to
    1 kHz, logarithmic above.
    """
    edges_hz = _slaney_hz(np.linspace(0.0, _slaney_mel(sample_rate_hz / 2), channels + 2))
    bins_hz = np.arange(fft_length // 2 + 1) * sample_rate_hz / fft_length
    widths_hz = np.diff(edges_hz)
    distances_hz = edges_hz[None, :] - bins_hz[:, None]
    rising = -distances_hz[:, :-2] / widths_hz[:-1]
    falling = distances_hz[:, 2:] / widths_hz[1:]
    weights = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(weights * (2.0 / (edges_hz[2:] - edges_hz[:-2])))


_LINEAR_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = np.log(6.4) / 27.0


def _slaney_mel(frequency_hz: float) -> float:
    if frequency_hz < _BREAK_HZ:
        return frequency_hz / _LINEAR_HZ_PER_MEL
    return float(_BREAK_MEL + np.log(frequency_hz / _BREAK_HZ) / _LOG_STEP)


def _slaney_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ_PER_MEL, above)
