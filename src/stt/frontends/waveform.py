"""The samples themselves, for encoders that begin with convolutions over them."""

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
    """Audio at 16 kHz, one value a frame.

    Attributes:
        normalize: whether each clip is brought to mean 0 and variance 1, as models with layer
            normalisation in their convolutions want it.
    """

    kind: ClassVar[str] = "waveform"

    normalize: bool = False

    @property
    def sample_rate_hz(self) -> int:
        """Of the audio."""
        return 16000

    @property
    def values(self) -> int:
        """Values of one frame."""
        return 1

    @property
    def step_seconds(self) -> float:
        """From one sample to the next."""
        return 1 / self.sample_rate_hz

    def frame_count(self, sample_count: int) -> int:
        """Return the number of samples."""
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
