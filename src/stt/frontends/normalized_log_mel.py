"""Log-mel energies, each channel normalised over the clip, as in NVIDIA's NeMo.

    emphasised = x[t] - 0.97 x[t - 1]
    power      = |stft|^2           25 ms Hann windows every 10 ms, centred, 512 points
    log        = log(power @ Slaney mel filters + 2^-24)
    features   = (log - mean) / (standard deviation + 1e-5)    of each channel, over the clip

As `AudioToMelSpectrogramPreprocessor` with its defaults but without dither, and as
`ParakeetFeatureExtractor` of transformers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .framing import frames_of, normalized_over_time, zeros_around
from .front_end import PowerChange
from .log_mel import slaney_mel_filters
from .mel_bands import STEP_SAMPLES, MelBands, mel_energies

_EMPHASIS = 0.97
_WINDOW_SAMPLES, _FFT_LENGTH = 400, 512
_LOG_FLOOR = 2.0**-24
_DEVIATION_FLOOR = 1e-5


@dataclass(frozen=True)
class NormalizedLogMel(MelBands):
    """Log-mel energies, normalised over the clip, of audio at 16 kHz, 100 frames per second.

    Attributes:
        mel_channels: number of mel bands, usually 80 or 128.

    Raises:
        ValueError: the number of mel bands is out of range.
    """

    kind: ClassVar[str] = "normalized_log_mel"

    def frame_count(self, sample_count: int) -> int:
        """Return the number of whole steps in `sample_count` samples."""
        return sample_count // STEP_SAMPLES

    def extractor(
        self, backend: Any = np, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function from samples to features; see `FrontEnd.extractor`."""
        window = np.pad(np.hanning(_WINDOW_SAMPLES), (_FFT_LENGTH - _WINDOW_SAMPLES) // 2)
        filters = slaney_mel_filters(self.sample_rate_hz, _FFT_LENGTH, self.mel_channels)
        energies = mel_energies(window, filters, backend, device, on_power)

        def extract(samples: Any) -> Any:
            count = self.frame_count(samples.shape[-1])
            if count == 0:
                return samples[:0].reshape(0, self.mel_channels)
            padded = zeros_around(samples, _FFT_LENGTH // 2, _FFT_LENGTH // 2, backend)
            padded[_FFT_LENGTH // 2 + 1 : -_FFT_LENGTH // 2] -= _EMPHASIS * samples[:-1]
            frames = frames_of(padded, _FFT_LENGTH, STEP_SAMPLES, backend)[:count]
            log = backend.log(energies(frames) + _LOG_FLOOR)
            return normalized_over_time(log, _DEVIATION_FLOOR, backend, inside=False)

        return extract
