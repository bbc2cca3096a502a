"""Changes of a power spectrum, before features are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .chance import Draw, Values
from .frames import FACTORS, change_plane

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


def _pitch(power: Tensor, values: Values, spectrum: Spectrum) -> Tensor:
    """Stretch frequencies; what is beyond the highest is lost, what was beyond it is silent."""
    frames, bins = power.shape
    scaled = _resized(power, frames, max(1, int(bins * values.pick("pitch"))))
    return torch.nn.functional.pad(scaled[:, :bins], (0, max(0, bins - scaled.shape[1])))


def _tempo(power: Tensor, values: Values, spectrum: Spectrum) -> Tensor:
    """Stretch time, no further than what is said can still be told."""
    frames, bins = power.shape
    wanted = max(1, int(frames / values.pick("factor")))
    longest = int(values.pick("max_time") / spectrum.step_milliseconds)
    if longest > 0:
        wanted = min(wanted, longest)
    while wanted < frames and not spectrum.fits(wanted):
        wanted += 1
    return _resized(power, wanted, bins)


def _resized(power: Tensor, frames: int, bins: int) -> Tensor:
    resize = torch.nn.functional.interpolate
    return resize(power[None, None], (frames, bins), mode="bilinear", align_corners=True)[0, 0]


def _warp(power: Tensor, values: Values, spectrum: Spectrum) -> Tensor:
    """Shift the points of a grid by chance, and what lies between them smoothly with them."""
    lines = values.count("nt"), values.count("nf")
    flows = []
    for name, size, count in zip(("wt", "wf"), power.shape, lines, strict=True):
        deviation = values.pick(name) * size / (2 * (count + 1))
        grid = deviation * values.chance.standard_normal(lines, np.float32)
        flows.append(torch.from_numpy(np.pad(np.asarray(grid, np.float32), 1)))  # edges stay
    flow = torch.nn.functional.interpolate(
        torch.stack(flows)[None], tuple(power.shape), mode="bicubic", align_corners=True
    )[0]
    places = [
        2 * (torch.arange(size).reshape(shape) - shift) / max(1, size - 1) - 1
        for size, shape, shift in zip(power.shape, ((-1, 1), (1, -1)), flow, strict=True)
    ]
    where = torch.stack([places[1], places[0]], dim=-1)[None]  # x before y
    sample = torch.nn.functional.grid_sample
    return sample(power[None, None], where, padding_mode="border", align_corners=True)[0, 0]


_SHAPES: Mapping[str, Callable[[Tensor, Values, Spectrum], Tensor]] = {
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
            changed = shape(torch.from_numpy(changed), draw.values(), spectrum).numpy()
    return np.asarray(changed.clip(0.0, None), power.dtype)


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
