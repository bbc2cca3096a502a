"""Augmentation of a power spectrum, before features are computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .chance import Draw, Values
from .plane import FACTORS, change_plane
from .samples import Recording, change_samples

Array = NDArray[np.float32]

_WINDOW_SAMPLES, _STEP_SAMPLES = 512, 128


@dataclass(frozen=True)
class Spectrum:
    """Properties of a spectrum that augmentation needs.

    Attributes:
        step_milliseconds: time from one frame to the next.
        fits: returns whether a number of frames is enough for the transcript.
    """

    step_milliseconds: float
    fits: Callable[[int], bool]


def _pitch(power: Array, values: Values, spectrum: Spectrum) -> Array:
    """Stretch the frequency axis: bins beyond the highest are lost, missing ones are silent."""
    bins = power.shape[1]
    scaled = _resized(power.T, max(1, int(bins * values.pick("pitch")))).T
    return np.pad(scaled[:, :bins], ((0, 0), (0, max(0, bins - scaled.shape[1]))))


def _tempo(power: Array, values: Values, spectrum: Spectrum) -> Array:
    """Stretch the time axis; the labels limit how much."""
    frames = len(power)
    wanted = max(1, int(frames / values.pick("factor")))
    longest = int(values.pick("max_time") / spectrum.step_milliseconds)
    if longest > 0:
        wanted = min(wanted, longest)
    while wanted < frames and not spectrum.fits(wanted):
        wanted += 1
    return _resized(power, wanted)


def _resized(plane: Array, rows: int) -> Array:
    """Return a plane with this number of rows, by linear interpolation.

    This uses NumPy because PyTorch would take threads away from the model.
    """
    places = np.linspace(0, len(plane) - 1, rows, dtype=np.float32)
    before = places.astype(np.int64)
    share = (places - before)[:, None]
    after = np.minimum(before + 1, len(plane) - 1)
    return np.asarray(plane[before] * (1 - share) + plane[after] * share, np.float32)


def _warp(power: Array, values: Values, spectrum: Spectrum) -> Array:
    """Shift the points of a grid at random, and the values in between smoothly with them."""
    lines = values.count("nt"), values.count("nf")
    flow = []
    for name, size, count in zip(("wt", "wf"), power.shape, lines, strict=True):
        deviation = values.pick(name) * size / (2 * (count + 1))
        grid = deviation * values.chance.standard_normal(lines, np.float32)
        shifts = torch.from_numpy(np.pad(np.asarray(grid, np.float32), 1))  # edges stay
        between = [
            _bicubic(points, size) for points, size in zip(shifts.shape, power.shape, strict=True)
        ]
        flow.append(between[0] @ shifts @ between[1].T)
    places = [
        2 * (torch.arange(size).reshape(shape) - shift) / max(1, size - 1) - 1
        for size, shape, shift in zip(power.shape, ((-1, 1), (1, -1)), flow, strict=True)
    ]
    where = torch.stack([places[1], places[0]], dim=-1)[None]  # x before y
    sample = torch.nn.functional.grid_sample
    plane = torch.from_numpy(np.ascontiguousarray(power))[None, None]
    return sample(plane, where, padding_mode="border", align_corners=True)[0, 0].numpy()


@lru_cache(maxsize=4096)
def _bicubic(points: int, size: int) -> torch.Tensor:
    """Return weights `[size, points]` for bicubic interpolation from `points` to `size` places.

    Interpolating a plane is interpolating along each side: two small matrix products.
    """
    square = torch.eye(points)[None, None]
    return torch.nn.functional.interpolate(
        square, (size, points), mode="bicubic", align_corners=True
    )[0, 0]


_SHAPES: Mapping[str, Callable[[Array, Values, Spectrum], Array]] = {
    "pitch": _pitch,
    "tempo": _tempo,
    "warp": _warp,
}
ELEMENTWISE = (*FACTORS, "add")


def change_spectrum(power: NDArray[Any], draws: Sequence[Draw], spectrum: Spectrum) -> NDArray[Any]:
    """Return the changed power spectrum, with no value below 0.

    Args:
        power: `[frames, bins]`; not modified.
        draws: draws that act on spectra, in the order of application.
        spectrum: further properties of the spectrum.
    """
    changed = np.asarray(power, np.float32)
    for draw in draws:
        if not len(changed):
            break
        shape = _SHAPES.get(draw.augmentation.name)
        if shape is None:
            changed = change_plane(changed, draw, spectrum.step_milliseconds)
        else:
            changed = shape(changed, draw.values(), spectrum)
    return np.asarray(changed.clip(0.0, None), power.dtype)


def change_like_spectrogram(
    samples: NDArray[np.float32], draws: Sequence[Draw], recording: Recording
) -> NDArray[np.float32]:
    """Apply augmentations of spectra to samples, for models that take samples.

    Those that change the shape of a spectrum act first. `warp` has no counterpart for samples, and
    must not be among the draws.

    Args:
        samples: float32 `[samples]`.
        draws: draws that act on spectra, in the order of application.
        recording: further properties of the recording.
    """
    of_shape = [draw for draw in draws if draw.augmentation.name not in ELEMENTWISE]
    masks = [draw for draw in draws if draw not in of_shape]
    samples = change_samples(samples, of_shape, recording)
    return change_spectrum_of_samples(samples, masks, recording.rate_hz)


def change_spectrum_of_samples(
    samples: NDArray[np.float32], draws: Sequence[Draw], rate_hz: int
) -> NDArray[np.float32]:
    """Change the spectrum of samples and keep the phases, for models that take samples.

    Args:
        samples: float32 `[samples]`.
        draws: draws of kinds in `ELEMENTWISE`.
        rate_hz: sample rate.
    """
    if not draws or len(samples) < _WINDOW_SAMPLES:
        return samples
    window = torch.hann_window(_WINDOW_SAMPLES)
    waves = torch.stft(
        torch.from_numpy(samples), _WINDOW_SAMPLES, _STEP_SAMPLES, window=window,
        return_complex=True,
    ).T  # fmt: skip
    power = (waves.abs() ** 2).numpy()
    spectrum = Spectrum(1000 * _STEP_SAMPLES / rate_hz, lambda count: True)
    changed = change_spectrum(power, draws, spectrum)
    gain = torch.from_numpy(np.sqrt(changed / np.maximum(power, 1e-20)))
    back = torch.istft(
        (waves * gain).T, _WINDOW_SAMPLES, _STEP_SAMPLES, window=window, length=len(samples)
    )
    return back.numpy()
