"""Samples as features, for encoders that begin with convolutions over samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import FrontEndError
from .front_end import PowerChange

_VARIANCE_FLOOR = 1e-7  # of `Wav2Vec2FeatureExtractor` in Hugging Face's transformers


@dataclass(frozen=True)
class Waveform:
    """Samples of audio at 16 kHz; a frame is one sample.

    Attributes:
        normalize: whether each clip is normalised to mean 0 and variance 1, as models with layer
            normalisation in their convolutions expect.
    """

    kind: ClassVar[str] = "waveform"

    normalize: bool = False

    @property
    def sample_rate_hz(self) -> int:
        """Sample rate of the audio."""
        return 16000

    @property
    def values(self) -> int:
        """Number of values of one frame."""
        return 1

    @property
    def step_seconds(self) -> float:
        """Time from one sample to the next."""
        return 1 / self.sample_rate_hz

    def frame_count(self, sample_count: int) -> int:
        """Return the number of frames, which are the samples."""
        return sample_count

    def extractor(
        self, backend: Any = np, device: Any = None, on_power: PowerChange | None = None
    ) -> Callable[[Any], Any]:
        """Return the function from samples to features; see `FrontEnd.extractor`."""
        if on_power:
            raise FrontEndError("samples have no power spectrum that could be changed")

        def extract(samples: Any) -> Any:
            if self.normalize and samples.shape[-1]:
                wide = backend.asarray(samples, dtype=backend.float64)
                deviation = wide - wide.mean()
                wide = deviation / ((deviation**2).mean() + _VARIANCE_FLOOR) ** 0.5
                samples = backend.asarray(wide, dtype=backend.float32)
            return samples[:, None]

        return extract
