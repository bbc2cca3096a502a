"""Augmented versions of a recording, for listening and for display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from stt.frontends.log_mel import LogMel

from .chance import Draw, within
from .frames import FrameChange
from .kinds import FEATURES, HIDDEN, SAMPLES, SIGNAL, SPECTROGRAM
from .samples import Recording, Recordings, change_samples
from .spectrogram import Spectrum, change_like_spectrogram, change_spectrum

_BANDS = 80


@dataclass(frozen=True)
class Variant:
    """An augmented recording.

    Attributes:
        draws: applied draws.
        samples: samples for listening, float32 `[samples]`.
        bands: log-mel energies for display, float32 `[frames, 80]`.
    """

    draws: tuple[Draw, ...]
    samples: NDArray[np.float32]
    bands: NDArray[np.float32]


def make_variant(
    samples: NDArray[np.float32],
    rate_hz: int,
    draws: Sequence[Draw],
    sources: Mapping[str, Recordings],
) -> Variant:
    """Augment a recording.

    Changes of spectra are made audible with the original phases. Changes of a model's hidden frames
    are displayed on the features.

    Args:
        samples: float32 `[samples]`.
        rate_hz: sample rate.
        draws: draws in the order of application.
        sources: recordings that augmentations draw from, by name.
    """
    recording = Recording(rate_hz, sources=sources)
    samples = change_samples(samples, within(draws, SAMPLES, SIGNAL), recording)
    front_end = LogMel(_BANDS)
    of_spectrum = within(draws, SPECTROGRAM)
    spectrum = Spectrum(1000 * front_end.step_seconds, lambda frames: True)
    extract = front_end.extractor(
        np, on_power=lambda power: change_spectrum(power, of_spectrum, spectrum)
    )
    bands = torch.from_numpy(extract(samples))[None]
    changes = FrameChange((within(draws, FEATURES, HIDDEN),), (len(samples) / rate_hz,))
    bands = changes(bands, torch.tensor([bands.shape[1]]))
    audible = [draw for draw in of_spectrum if draw.augmentation.name != "warp"]
    changed = change_like_spectrogram(samples, audible, recording)
    return Variant(tuple(draws), changed, bands[0].numpy())
