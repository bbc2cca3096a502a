"""A recording as augmentations change it, to be heard and seen."""

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
    """A recording, changed.

    Attributes:
        draws: what changed it.
        samples: to be heard, float32 `[samples]`.
        bands: to be seen, log-mel energies float32 `[frames, 80]`.
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
    """Change a recording.

    What acts on spectra is heard with the phases that were there. What acts on frames within a
    model, which nobody can see, is shown on the features.

    Args:
        samples: float32 `[samples]`.
        rate_hz: of the samples.
        draws: in their order.
        sources: recordings that augmentations draw from.
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
