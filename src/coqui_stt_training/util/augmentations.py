"""Specifications of augmentations, `reverb[p=0.1,delay=50.0~30.0]`, read and checked.

This release does not augment: what is read here can be shown and checked, not applied. Only
`NormalizeSampleRate`, which upstream counts among them, acts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import soxr

from ..errors import FlagError
from .audio import AUDIO_TYPE_NP, Sample
from .helpers import float_range, int_range
from .sample_collections import PackedSample, unpack_maybe
from .upstream_names import find_upstream_name

_SPECIFICATION = re.compile(r"([a-z_]+)(?:\[(.*)\])?", re.DOTALL)
_DOMAINS = ("signal", "spectrogram", "features")

Parameters = Mapping[str, tuple[Callable[[Any], Any], Any]]  # converter and default of each


def _domain(value: Any) -> str:
    if value not in _DOMAINS:
        raise FlagError(f"{value!r} is no domain; write one of {', '.join(_DOMAINS)}")
    return str(value)


class Augmentation:
    """An augmentation and its parameters, each of which is an attribute.

    Args:
        p: probability that a sample is augmented.
        values: of the parameters; others have their defaults.

    Raises:
        FlagError: a parameter it does not have, or a value that is none.
    """

    parameters: ClassVar[Parameters] = {}

    def __init__(self, p: float | str = 1.0, **values: Any) -> None:
        self.name = type(self).__name__
        unknown = sorted(values.keys() - self.parameters.keys())
        if unknown:
            known = ", ".join(["p", *self.parameters])
            raise FlagError(f"{self.name} has no parameter {', '.join(unknown)}; it has: {known}")
        self.probability = _probability(p)
        for name, (convert, default) in self.parameters.items():
            value = values.get(name, default)
            if value is None:
                raise FlagError(f"{self.name} needs a value for {name}: {name}=...")
            setattr(self, name, convert(value))

    def apply(self, *args: object, **kwargs: object) -> Any:
        """Raise `FlagError`: augmentations are not applied."""
        raise FlagError(
            f"{self.name}: this release has no augmentations yet; train without --augment"
        )

    def __repr__(self) -> str:
        shown = {"p": self.probability, **{name: getattr(self, name) for name in self.parameters}}
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _probability(value: float | str) -> float:
    try:
        probability = float(value)
    except ValueError:
        probability = -1.0
    if not 0 <= probability <= 1:
        raise FlagError(f"p={value}: must be a number from 0 to 1")
    return probability


class SampleAugmentation(Augmentation):
    """An augmentation of samples."""


class GraphAugmentation(Augmentation):
    """An augmentation of spectrograms or features."""


class Overlay(SampleAugmentation):
    """Adds noise or other speech."""

    parameters: ClassVar[Parameters] = {
        "source": (str, None),
        "snr": (float_range, 3.0),
        "layers": (int_range, 1),
    }


class Codec(SampleAugmentation):
    """Compresses with loss."""

    parameters: ClassVar[Parameters] = {"bitrate": (int_range, 3200)}


class Reverb(SampleAugmentation):
    """Adds an echo."""

    parameters: ClassVar[Parameters] = {"delay": (float_range, 20.0), "decay": (float_range, 10.0)}


class Resample(SampleAugmentation):
    """Resamples to another rate and back."""

    parameters: ClassVar[Parameters] = {"rate": (int_range, 8000)}


class NormalizeSampleRate(SampleAugmentation):
    """Resamples to the rate of the model, in Hz."""

    parameters: ClassVar[Parameters] = {"rate": (int, None)}

    def __init__(self, rate: int) -> None:
        super().__init__(rate=rate)

    def apply(self, sample: Sample, clock: float = 0.0) -> None:  # type: ignore[override]
        """Resample a sample in place, where it has another rate."""
        rate: int = self.rate  # type: ignore[attr-defined]
        if sample.audio_format.rate == rate:
            return
        sample.change_audio_type(AUDIO_TYPE_NP)
        resampled = soxr.resample(sample.audio, sample.audio_format.rate, rate)
        sample.audio = np.asarray(resampled, np.float32)
        sample.audio_format = sample.audio_format._replace(rate=rate)


class Volume(SampleAugmentation):
    """Changes the loudness."""

    parameters: ClassVar[Parameters] = {"dbfs": (float_range, 3.0103)}


class Pitch(GraphAugmentation):
    """Shifts frequencies."""

    parameters: ClassVar[Parameters] = {"pitch": (float_range, (1.075, 1.075, 0.125))}


class Tempo(GraphAugmentation):
    """Speeds up or slows down."""

    parameters: ClassVar[Parameters] = {"factor": (float_range, 1.1), "max_time": (float, -1)}


class Warp(GraphAugmentation):
    """Warps time and frequency."""

    parameters: ClassVar[Parameters] = {
        "nt": (int_range, 1),
        "nf": (int_range, 1),
        "wt": (float_range, 0.1),
        "wf": (float_range, 0.0),
    }


class FrequencyMask(GraphAugmentation):
    """Blanks bands of frequencies."""

    parameters: ClassVar[Parameters] = {"n": (int_range, 3), "size": (int_range, 2)}


class TimeMask(GraphAugmentation):
    """Blanks stretches of time."""

    parameters: ClassVar[Parameters] = {
        "domain": (_domain, "spectrogram"),
        "n": (int_range, 3),
        "size": (float_range, 10.0),
    }


class Dropout(GraphAugmentation):
    """Blanks single values."""

    parameters: ClassVar[Parameters] = {
        "domain": (_domain, "spectrogram"),
        "rate": (float_range, 0.05),
    }


class Add(GraphAugmentation):
    """Adds noise to values."""

    parameters: ClassVar[Parameters] = {"domain": (_domain, "features"), "stddev": (float_range, 5)}


class Multiply(GraphAugmentation):
    """Multiplies values by noise."""

    parameters: ClassVar[Parameters] = {"domain": (_domain, "features"), "stddev": (float_range, 5)}


_KINDS: Mapping[str, type[Augmentation]] = {
    "overlay": Overlay, "codec": Codec, "reverb": Reverb, "resample": Resample, "volume": Volume,
    "pitch": Pitch, "tempo": Tempo, "warp": Warp, "frequency_mask": FrequencyMask,
    "time_mask": TimeMask, "dropout": Dropout, "add": Add, "multiply": Multiply,
}  # fmt: skip


def parse_augmentation(augmentation_spec: str) -> Augmentation:
    """Return the augmentation that a specification describes.

    Raises:
        FlagError: it is malformed, or names an augmentation, a parameter or a value there is not.
    """
    match = _SPECIFICATION.fullmatch(augmentation_spec.strip())
    kind = _KINDS.get(match[1]) if match else None
    if match is None or kind is None:
        raise FlagError(
            f"--augment {augmentation_spec}: write NAME[PARAMETER=VALUE,...], NAME being one of "
            + ", ".join(_KINDS)
        )
    pairs = [part.partition("=") for part in match[2].split(",")] if match[2] else []
    if any(not equals for _, equals, _ in pairs):
        raise FlagError(f"--augment {augmentation_spec}: parameters are written PARAMETER=VALUE")
    try:
        return kind(**{name.strip(): value.strip() for name, _, value in pairs})
    except (FlagError, ValueError) as error:
        raise FlagError(f"--augment {augmentation_spec}: {error}") from None


def parse_augmentations(augmentation_specs: Iterable[str] | None) -> list[Augmentation]:
    """Return the augmentations that specifications describe; see `parse_augmentation`."""
    return [parse_augmentation(specification) for specification in augmentation_specs or ()]


def apply_sample_augmentations(
    samples: Iterable[Sample | PackedSample],
    augmentations: Sequence[Augmentation] | None,
    audio_type: str = AUDIO_TYPE_NP,
    buffering: int = 0,
    process_ahead: int | None = None,
    clock: float = 0.0,
    final_clock: float | None = None,
) -> Iterator[Sample]:
    """Yield samples, unpacked and in the representation `audio_type`.

    The other arguments are upstream's, of augmentations that move with training; there are none.

    Raises:
        FlagError: an augmentation other than `NormalizeSampleRate` is among them.
    """
    acting = [one for one in augmentations or () if isinstance(one, SampleAugmentation)]
    for packed in samples:
        sample = unpack_maybe(packed)
        for augmentation in acting:
            augmentation.apply(sample)
        sample.change_audio_type(audio_type)
        yield sample


def __getattr__(name: str) -> Any:
    """Find what upstream's module has besides."""
    return find_upstream_name(__name__, name)
