"""Augmentation of a clip's values over time, samples or features: masks, dropout and noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .chance import Draw, Values

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Place:
    """The size of a clip's plane of values.

    Attributes:
        frames: number of frames.
        width: number of values, or frequencies, in a frame.
        step_milliseconds: time from one frame to the next.
    """

    frames: int
    width: int
    step_milliseconds: float

    def frames_of(self, milliseconds: float) -> int:
        """Return the number of whole frames in a duration."""
        return int(milliseconds / self.step_milliseconds)


def spans(chance: np.random.Generator, sizes: Sequence[int], length: int) -> Array:
    """Return a mask, float32 `[length]`: 0 within spans, 1 outside.

    Args:
        chance: random generator for the starts of the spans, all of which end within the length.
        sizes: sizes of the spans.
        length: length of the mask. No span covers all of it.
    """
    kept = np.ones(length, np.float32)
    for size in sizes:
        size = max(0, min(length - 1, size))
        begin = int(chance.integers(0, length - size, endpoint=True))
        kept[begin : begin + size] = 0.0
    return kept


def time_mask(values: Values, place: Place) -> Array:
    """Return factors `[frames, 1]`; a masked interval has at least one frame, as in upstream."""
    sizes = [max(1, place.frames_of(values.pick("size"))) for _ in range(values.count("n"))]
    return spans(values.chance, sizes, place.frames)[:, None]


def frequency_mask(values: Values, place: Place) -> Array:
    """Return factors `[1, width]`; a masked band has at least one frequency, as in upstream."""
    sizes = [max(1, values.count("size")) for _ in range(values.count("n"))]
    return spans(values.chance, sizes, place.width)[None, :]


def dropout(values: Values, place: Place) -> Array:
    """Return factors `[frames, width]`, of which the share `rate` is 0.

    Upstream, contrary to its documentation, sets the others to 0.
    """
    kept = values.chance.random((place.frames, place.width), np.float32) >= values.pick("rate")
    return kept.astype(np.float32)


def noise(values: Values, place: Place) -> Array:
    """Return normal noise `[frames, width]` of mean 0."""
    deviation = abs(values.pick("stddev"))
    drawn = values.chance.standard_normal((place.frames, place.width), np.float32)
    return np.asarray(deviation * drawn, np.float32)


def factors(values: Values, place: Place) -> Array:
    """Return normal noise `[frames, width]` of mean 1."""
    return 1.0 + noise(values, place)


# How each kind changes values: it multiplies them by factors, or adds to them.
FACTORS: Mapping[str, Callable[[Values, Place], Array]] = {
    "time_mask": time_mask,
    "frequency_mask": frequency_mask,
    "dropout": dropout,
    "multiply": factors,
}


def change_plane(x: Array, draw: Draw, step_milliseconds: float) -> Array:
    """Change one clip's spectrogram or samples.

    Args:
        x: float32 `[frames, values]`.
        draw: draw of a kind in `FACTORS`, or of `add`.
        step_milliseconds: time from one frame to the next.
    """
    values, place = draw.values(), Place(x.shape[0], x.shape[1], step_milliseconds)
    if draw.augmentation.name == "add":
        return np.asarray(x + noise(values, place), x.dtype)
    return np.asarray(x * FACTORS[draw.augmentation.name](values, place), x.dtype)
