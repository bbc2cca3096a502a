"""Changes of a power spectrum, before features are made of it."""

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
    """What a change of a spectrum must know of it.

    Attributes:
        step_milliseconds: from one frame to the next.
        fits: whether so many frames are enough for what is said in them.
    """

    step_milliseconds: float
    fits: Callable[[int], bool]


def _pitch(power: Array, values: Values, spectrum: Spectrum) -> Array:
    """Stretch frequencies; what is beyond the highest is lost, what was beyond it is silent."""
    bins = power.shape[1]
    scaled = _resized(power.T, max(1, int(bins * values.pick("pitch")))).T
    return np.pad(scaled[:, :bins], ((0, 0), (0, max(0, bins - scaled.shape[1]))))


def _tempo(power: Array, values: Values, spectrum: Spectrum) -> Array:
    """Stretch time, no further than what is said can still be told."""
    frames = len(power)
    wanted = max(1, int(frames / values.pick("factor")))
    longest = int(values.pick("max_time") / spectrum.step_milliseconds)
    if longest > 0:
        wanted = min(wanted, longest)
    while wanted < frames and not spectrum.fits(wanted):
        wanted += 1
    return _resized(power, wanted)


def _resized(plane: Array, rows: int) -> Array:
    """Return so many rows of a plane, those between two of its own mixed of these.

    In NumPy, as PyTorch would take threads away from the model for it.
    """
    places = np.linspace(0, len(plane) - 1, rows, dtype=np.float32)
    before = places.astype(np.int64)
    share = (places - before)[:, None]
    after = np.minimum(before + 1, len(plane) - 1)
    return np.asarray(plane[before] * (1 - share) + plane[after] * share, np.float32)


def _warp(power: Array, values: Values, spectrum: Spectrum) -> Array:
    """Shift the points of a grid by chance, and what lies between them smoothly with them."""
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
    """Return the weights `[size, points]` of some points at places between the first and the last.

    Interpolation of a plane is one along each side, which is two small products of matrices.
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
    """Return the changed power spectrum; none of it is below 0.

    Args:
        power: `[frames, bins]`; it stays as it is.
        draws: those that act on spectra, in their order.
        spectrum: what else is to be known.
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
    """Change samples, of which no spectrogram is made, as spectrograms would be changed.

    What changes the shape of these acts first; `warp` has no counterpart, and must not be drawn.

    Args:
        samples: float32 `[samples]`.
        draws: those that act on spectra, in their order.
        recording: what else is to be known of the samples.
    """
    of_shape = [draw for draw in draws if draw.augmentation.name not in ELEMENTWISE]
    masks = [draw for draw in draws if draw not in of_shape]
    samples = change_samples(samples, of_shape, recording)
    return change_spectrum_of_samples(samples, masks, recording.rate_hz)


def change_spectrum_of_samples(
    samples: NDArray[np.float32], draws: Sequence[Draw], rate_hz: int
) -> NDArray[np.float32]:
    """Change the spectrum of samples, for models that take these. Phases stay.

    Args:
        samples: float32 `[samples]`.
        draws: of kinds in `ELEMENTWISE`.
        rate_hz: of the samples.
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
