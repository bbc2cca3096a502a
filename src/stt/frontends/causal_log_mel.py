"""Log-mel energies that depend only on past samples, for streaming models.

    power    = |fft|^2         25 ms Hann windows every 10 ms, 512 points; the last sample of frame
                               n is number 160 (n + 1) - 1
    log      = log(power @ Slaney mel filters + 2^-24)
    features = (log + 10) / 4.5          about mean 0 and standard deviation 1 for speech

Nothing is normalised over the clip, so a stream has exactly the frames of the whole clip. Silence
is added before the clip, and `tail_milliseconds` of it after the clip, since a model without
look-ahead outputs a character later than it was spoken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .framing import frames_of, zeros_around
from .front_end import PowerChange
from .log_mel import slaney_mel_filters
from .mel_bands import STEP_SAMPLES, MelBands, mel_energies

_WINDOW_SAMPLES, _FFT_LENGTH = 400, 512
_LOG_FLOOR = 2.0**-24
_CENTRE, _SCALE = -10.0, 4.5

SAMPLES_BEFORE = _WINDOW_SAMPLES - STEP_SAMPLES  # samples of a frame before its own step


@dataclass(frozen=True)
class CausalLogMel(MelBands):
    """Causal log-mel energies of audio at 16 kHz, 100 frames per second.

    Attributes:
        mel_channels: number of mel bands.
        tail_milliseconds: length of the silence added after a clip.

    Raises:
        ValueError: a value is out of range.
    """

    kind: ClassVar[str] = "causal_log_mel"
    usual_channels: ClassVar[str] = "80"

    tail_milliseconds: int = 240

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.tail_milliseconds <= 10_000 or self.tail_milliseconds % 10:
            raise ValueError(
                f"{self.tail_milliseconds} ms of silence; a multiple of 10, at most 10000, is "
                "possible"
            )

    @property
    def step_samples(self) -> int:
        """Number of samples from the start of one frame to that of the next."""
        return STEP_SAMPLES

    @property
    def tail_samples(self) -> int:
        """Number of samples of the silence added after a clip."""
        return self.tail_milliseconds * self.sample_rate_hz // 1000

    def frame_count(self, sample_count: int) -> int:
        """Return the number of whole steps in `sample_count` samples and the silence after them."""
        return (sample_count + self.tail_samples) // STEP_SAMPLES if sample_count else 0

    def extractor(
        self, backend: Any = np, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function from samples to features; see `FrontEnd.extractor`."""
        frames = self.frames_extractor(backend, device, on_power)

        def extract(samples: Any) -> Any:
            if samples.shape[-1] == 0:
                return samples.reshape(0, self.mel_channels)
            return frames(zeros_around(samples, SAMPLES_BEFORE, self.tail_samples, backend))

        return extract

    def frames_extractor(
        self, backend: Any = np, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function that computes the features of a part of a clip.

        Args:
            backend: see `FrontEnd.extractor`.
            device: see `FrontEnd.extractor`.
            on_power: see `FrontEnd.extractor`.

        Returns:
            A function from float32 `[SAMPLES_BEFORE + samples]` to the features of all whole steps,
            float32 `[samples // step_samples, values]`.
        """
        window = np.hanning(_WINDOW_SAMPLES)
        filters = slaney_mel_filters(self.sample_rate_hz, _FFT_LENGTH, self.mel_channels)
        energies = mel_energies(window, filters, backend, device, on_power)

        def extract(samples: Any) -> Any:
            if samples.shape[-1] < _WINDOW_SAMPLES:
                return samples[:0].reshape(0, self.mel_channels)
            frames = frames_of(samples, _WINDOW_SAMPLES, STEP_SAMPLES, backend)
            log = backend.log(energies(frames) + _LOG_FLOOR)
            return backend.asarray((log - _CENTRE) / _SCALE, dtype=backend.float32)

        return extract
