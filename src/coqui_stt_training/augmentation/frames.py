"""Augmentation of features and hidden frames: drawn for each clip, applied to the whole batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stt.frontends import FrontEnd
from stt.frontends.mfcc import dct_matrix
from stt.frontends.mfcc_config import FeatureConfig

from .chance import Draw, Values
from .plane import FACTORS, Array, Place, noise, spans


@dataclass(frozen=True)
class FrameChange:
    """Applies the draws of each clip to a batch of features or hidden frames, on its device.

    Attributes:
        draws: draws of each clip, all in one domain.
        seconds: duration of each clip's frames.
        cepstrum: for cepstral features, the matrices to spectral bands and back, float32
            `[values, bands]` and `[bands, values]`; None: the features are bands.
    """

    draws: tuple[tuple[Draw, ...], ...]
    seconds: tuple[float, ...]
    cepstrum: tuple[Array, Array] | None = None

    def __bool__(self) -> bool:
        return any(self.draws)

    def __call__(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the changed frames, zero beyond each clip's length.

        Args:
            x: `[batch, frames, values]`, zero beyond each clip's length.
            lengths: int64 `[batch]`, on the CPU.
        """
        asked = {draw.number: draw.augmentation.name for clip in self.draws for draw in clip}
        for number, name in sorted(asked.items()):
            x = self._change(x, lengths, number, name)
        return x

    def _change(self, x: Tensor, lengths: Tensor, number: int, name: str) -> Tensor:
        bands = x.shape[2]
        if name in _MASKS and self.cepstrum is not None:
            bands = self.cepstrum[0].shape[1]
        drawn: dict[int, tuple[Values, Place]] = {}
        for index, (clip, length) in enumerate(zip(self.draws, lengths.tolist(), strict=True)):
            for draw in clip:
                if draw.number == number and length:
                    step_milliseconds = 1000 * self.seconds[index] / length
                    drawn[index] = draw.values(), Place(length, bands, step_milliseconds)
        if not drawn:
            return x
        if name in _MASKS:
            masks = {index: _MASKS[name](*drawn[index]) for index in drawn}
            over_time = _stacked({index: mask[0] for index, mask in masks.items()}, x, 1.0)
            over_bands = _stacked({index: mask[1] for index, mask in masks.items()}, x, 1.0, 1)
            return self._mask(x, lengths, over_time, over_bands)
        if name == "add":
            return x + _stacked({index: noise(*drawn[index]) for index in drawn}, x, 0.0)
        made = {index: FACTORS[name](*drawn[index]) for index in drawn}
        return x * _stacked(made, x, 1.0, 1 if name == "frequency_mask" else None)

    def _mask(self, x: Tensor, lengths: Tensor, over_time: Tensor, over_bands: Tensor) -> Tensor:
        """Replace masked values by the mean over the clip.

        Args:
            x: `[batch, frames, values]`.
            lengths: int64 `[batch]`.
            over_time: `[batch, frames, 1]`.
            over_bands: `[batch, 1, bands]`.
        """
        ends = lengths.clamp(min=1).to(x.device)[:, None, None]
        mean = x.sum(1, keepdim=True) / ends
        apart = (x - mean) * over_time
        if self.cepstrum is None:
            apart = apart * over_bands
        elif bool((over_bands != 1).any()):
            there, back = (torch.from_numpy(one).to(x) for one in self.cepstrum)
            # Subtract what the masked bands contribute to the coefficients, which describe a
            # smooth spectrum.
            apart = apart - ((apart @ there) * (1 - over_bands)) @ back
        valid = torch.arange(x.shape[1], device=x.device)[None, :, None] < ends
        return torch.where(valid, mean + apart, x)


def _stacked(
    arrays: Mapping[int, Array], x: Tensor, rest: float, frames: int | None = None
) -> Tensor:
    """Stack arrays of clips; `rest` fills other clips and the frames beyond an array's length."""
    frames = x.shape[1] if frames is None else frames
    width = next(iter(arrays.values())).shape[1]
    stack = np.full((x.shape[0], frames, width), rest, np.float32)
    for index, array in arrays.items():
        stack[index, : len(array)] = array
    return torch.from_numpy(stack).to(x)


def _specaugment(values: Values, place: Place) -> tuple[Array, Array]:
    longest = min(place.frames_of(values.pick("t")), int(place.frames * values.pick("share")))
    times = [int(values.chance.random() * (1 + longest)) for _ in range(values.count("nt"))]
    bands = [
        int(values.chance.random() * (1 + values.pick("f") * place.width))
        for _ in range(values.count("nf"))
    ]
    return (
        spans(values.chance, times, place.frames)[:, None],
        spans(values.chance, bands, place.width)[None, :],
    )


def _low_resource(values: Values, place: Place) -> tuple[Array, Array]:
    """Return masks like fairseq's `compute_mask_indices`: of one length, possibly overlapping."""
    frames = max(1, place.frames_of(values.pick("time_length")))
    channels = max(1, min(values.count("channel_length"), place.width // 8))

    def mask(share: float, size: int, length: int) -> Array:
        # Rounded up or down at random, so that short clips have the right share on average, too.
        count = int(share * length / size + values.chance.random())
        return spans(values.chance, [size] * count, length)

    return (
        mask(values.pick("time"), frames, place.frames)[:, None],
        mask(values.pick("channel"), channels, place.width)[None, :],
    )


# The kinds that replace masked values by the clip's mean, over time and over bands.
_MASKS: Mapping[str, Callable[[Values, Place], tuple[Array, Array]]] = {
    "specaugment": _specaugment,
    "specaugment-lowresource": _low_resource,
}


def cepstrum_of(front_end: FrontEnd) -> tuple[Array, Array] | None:
    """Return the matrices from cepstral features to spectral bands and back; see `FrameChange`."""
    if not isinstance(front_end, FeatureConfig):
        return None
    back = dct_matrix()
    return np.linalg.pinv(back).astype(np.float32), back.astype(np.float32)
