"""Upstream's classes and functions for augmentations.

The augmentations themselves are in `coqui_stt_training.augmentation`, which `--augment` uses.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from typing import Any, ClassVar

import numpy as np
import soxr

from ..augmentation import specification
from ..augmentation.chance import Draw
from ..augmentation.kinds import KINDS, SAMPLES
from ..augmentation.samples import Recording, change_samples
from ..batches.audio_source import open_sources
from ..errors import FlagError
from .audio import AUDIO_TYPE_NP, Sample
from .sample_collections import PackedSample, unpack_maybe
from .upstream_names import find_upstream_name


class Augmentation:
    """An augmentation. Each of its parameters is an attribute.

    Args:
        p: probability that a sample is augmented.
        values: values of parameters: text as in a specification, numbers, or tuples of start, end
            and optionally radius. Other parameters have their defaults.

    Raises:
        FlagError: a parameter is unknown, or a value is malformed.
    """

    kind: ClassVar[str] = ""

    def __init__(self, p: float | str = 1.0, **values: Any) -> None:
        self.name = type(self).__name__
        given = ",".join(f"{name}={_spell(value)}" for name, value in {"p": p, **values}.items())
        (self.asked,) = specification.parse_augmentations([f"{self.kind}[{given}]"])
        self.probability = self.asked.probability
        self.domain = self.asked.domain
        for name, value in {**self.asked.ranges, **self.asked.texts}.items():
            setattr(self, name, value)

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """Raise `FlagError`: augmentations of spectrograms or features work only in training."""
        raise FlagError(
            f"{self.name}: acts on the {self.domain} while a model is trained; give it to train "
            f"as --augment {self.asked}"
        )

    def __repr__(self) -> str:
        shown = {"p": self.probability, **self.asked.ranges, **self.asked.texts}
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _spell(value: Any) -> str:
    if not isinstance(value, tuple):
        return str(value)
    start, end, *radius = value
    return f"{start}:{end}" + "".join(f"~{one}" for one in radius)


class SampleAugmentation(Augmentation):
    """An augmentation of samples."""

    def apply(self, sample: Sample, clock: float = 0.0) -> None:
        """Augment a sample in place.

        Args:
            sample: mono sample.
            clock: progress of training, 0 to 1, which parameters may depend on.

        Raises:
            CorpusError: audio that the augmentation mixes in cannot be read.
        """
        sample.change_audio_type(AUDIO_TYPE_NP)
        rate_hz = sample.audio_format.rate
        recording = Recording(rate_hz, sources=open_sources((self.asked,), rate_hz))
        draw = Draw(self.asked, 0, str(random.random()), clock)
        changed = change_samples(sample.audio[:, 0], [draw], recording)
        sample.audio = np.asarray(changed[:, None], np.float32)


class GraphAugmentation(Augmentation):
    """An augmentation of spectrograms or features."""


class NormalizeSampleRate(SampleAugmentation):
    """Resamples to the sample rate of the model, in Hz."""

    def __init__(self, rate: int) -> None:
        self.name = type(self).__name__
        self.probability = 1.0
        self.rate = rate

    def apply(self, sample: Sample, clock: float = 0.0) -> None:
        """Resample a sample in place if its sample rate differs."""
        if sample.audio_format.rate == self.rate:
            return
        sample.change_audio_type(AUDIO_TYPE_NP)
        resampled = soxr.resample(sample.audio, sample.audio_format.rate, self.rate)
        sample.audio = np.asarray(resampled, np.float32)
        sample.audio_format = sample.audio_format._replace(rate=self.rate)

    def __repr__(self) -> str:
        return f"{self.name}(rate={self.rate!r})"


def _class_of(kind: str) -> type[Augmentation]:
    """Create the class of an augmentation, with upstream's name: `TimeMask` for `time_mask`."""
    name = "".join(part.capitalize() for part in kind.replace("-", "_").split("_"))
    acts_on_samples = KINDS[kind].domains[0] == SAMPLES
    base = SampleAugmentation if acts_on_samples else GraphAugmentation
    members = {"kind": kind, "__doc__": KINDS[kind].meaning, "__module__": __name__}
    return type(name, (base,), members)


_CLASSES = {kind: _class_of(kind) for kind in KINDS}
globals().update({one.__name__: one for one in _CLASSES.values()})


def parse_augmentation(augmentation_spec: str) -> Augmentation:
    """Return the augmentation that a specification describes.

    Raises:
        FlagError: the specification is malformed, or an augmentation, parameter or value in it is
            unknown.
    """
    (asked,) = specification.parse_augmentations([augmentation_spec])
    values: dict[str, Any] = {**asked.ranges, **{k: v for k, v in asked.texts.items() if v}}
    if len(KINDS[asked.name].domains) > 1:
        values["domain"] = asked.domain
    return _CLASSES[asked.name](asked.probability, **values)


def parse_augmentations(augmentation_specs: Iterable[str] | None) -> list[Augmentation]:
    """Return the augmentations that specifications describe; see `parse_augmentation`."""
    return [parse_augmentation(one) for one in augmentation_specs or ()]


def apply_sample_augmentations(
    samples: Iterable[Sample | PackedSample],
    augmentations: Sequence[Augmentation] | None,
    audio_type: str = AUDIO_TYPE_NP,
    buffering: int = 0,
    process_ahead: int | None = None,
    clock: float = 0.0,
    final_clock: float | None = None,
) -> Iterator[Sample]:
    """Yield samples, unpacked and augmented.

    Args:
        samples: samples to augment, in place.
        augmentations: augmentations; only those of samples are applied, each with its probability.
        audio_type: representation of the results.
        buffering: ignored, as each sample is read whole.
        process_ahead: ignored, as samples are augmented when they are requested.
        clock: progress of training, 0 to 1, at the first sample.
        final_clock: progress after the last sample, if `samples` has a length; None: `clock`.
    """
    acting = [one for one in augmentations or () if isinstance(one, SampleAugmentation)]
    moment = _clock(samples, clock, final_clock)
    for number, packed in enumerate(samples):
        sample = unpack_maybe(packed)
        for augmentation in acting:
            if random.random() < augmentation.probability:
                augmentation.apply(sample, moment(number))
        sample.change_audio_type(audio_type)
        yield sample


def _clock(samples: Iterable[Any], start: float, end: float | None) -> Callable[[int], float]:
    count = len(samples) if isinstance(samples, Sized) else 0
    if end is None or not count:
        return lambda number: start
    return lambda number: start + (end - start) * number / count


def __getattr__(name: str) -> Any:
    """Return another name of upstream's module."""
    return find_upstream_name(__name__, name)
