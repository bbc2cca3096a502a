"""The kinds of `--augment`: their parameters, and the domains in which each acts.

Names, defaults and meanings of the first thirteen are upstream's. Nothing is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .value_range import ValueRange

# In the order in which they are applied. "samples" and "signal" are both the waveform: upstream
# applied the first in NumPy, and the second later, in TensorFlow.
CLIPS, SAMPLES, SIGNAL = "clips", "samples", "signal"
SPECTROGRAM, FEATURES, HIDDEN = "spectrogram", "features", "hidden"
AUTO = "auto"


@dataclass(frozen=True)
class Number:
    """A parameter that is a range of numbers.

    Attributes:
        default: value if none is given.
        meaning: description, with the unit.
        least: lowest allowed value.
        most: highest allowed value.
    """

    default: ValueRange
    meaning: str
    least: float = -math.inf
    most: float = math.inf

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.default.start, int)


@dataclass(frozen=True)
class Text:
    """A parameter that is a text; it is required if it has no default."""

    default: str | None
    meaning: str


Parameter = Number | Text


@dataclass(frozen=True)
class Kind:
    """A kind of augmentation.

    Attributes:
        meaning: description of what it does.
        domains: domains in which it can act; the first is the default.
        parameters: parameters by name, except `p` and `domain`.
    """

    meaning: str
    domains: Sequence[str]
    parameters: Mapping[str, Parameter]


def _number(
    default: float, meaning: str, least: float = -math.inf, most: float = math.inf, r: float = 0
) -> Number:
    return Number(ValueRange(default, default, r), meaning, least, most)


_COUNT = 10_000  # largest number of intervals, layers or grid lines; more must be a typing error
_SECOND = 1000.0

KINDS: Mapping[str, Kind] = {
    "overlay": Kind("adds noise, music or other speech", (SAMPLES,), {
        "source": Text(None, "audio to add: a corpus file, an audio file, or a folder of them"),
        "snr": _number(3.0, "by how many dB its peak is below that of the clip", -100, 200),
        "layers": _number(1, "number of simultaneous recordings", 1, _COUNT),
    }),
    "reverb": Kind("adds echoes (Schroeder's comb filters)", (SAMPLES,), {
        "delay": _number(20.0, "ms until the first echo", 0, 10 * _SECOND),
        "decay": _number(10.0, "dB that each echo loses", 0, 1000),
    }),
    "resample": Kind("resamples to another rate and back", (SAMPLES,), {
        "rate": _number(8000, "Hz", 100, 1_000_000),
    }),
    "codec": Kind("compresses with Opus and decompresses", (SAMPLES,), {
        "bitrate": _number(3200, "bits per second", 500, 256_000),
    }),
    "volume": Kind("sets the level of the loudest sample", (SAMPLES,), {
        "dbfs": _number(3.0103, "dBFS; 3.0103 is full scale", -200, 3.0103),
    }),
    "pitch": Kind("scales frequencies", (SPECTROGRAM,), {
        "pitch": _number(1.075, "factor; 2 is an octave up", 0.1, 10, 0.125),
    }),
    "tempo": Kind("speeds up or slows down, without a change of pitch", (SPECTROGRAM,), {
        "factor": _number(1.1, "2 is twice as fast", 0.1, 10),
        "max_time": _number(-1.0, "maximum duration in ms afterwards; -1: any"),
    }),
    "warp": Kind("shifts the points of a grid over time and frequency", (SPECTROGRAM,), {
        "nt": _number(1, "grid lines over time", 0, _COUNT),
        "nf": _number(1, "grid lines over frequency", 0, _COUNT),
        "wt": _number(0.1, "deviation of shifts in time; 1 is half a grid step", 0, 10),
        "wf": _number(0.0, "deviation of shifts in frequency", 0, 10),
    }),
    "frequency_mask": Kind("masks frequency bands", (SPECTROGRAM, FEATURES, HIDDEN), {
        "n": _number(3, "number of masks", 0, _COUNT),
        "size": _number(2, "frequencies per mask", 0),
    }),
    "time_mask": Kind("masks stretches of time", (SPECTROGRAM, SIGNAL, FEATURES, HIDDEN), {
        "n": _number(3, "number of masks", 0, _COUNT),
        "size": _number(10.0, "ms per mask", 0),
    }),
    "dropout": Kind("masks single values", (SPECTROGRAM, SIGNAL, FEATURES, HIDDEN), {
        "rate": _number(0.05, "fraction of the values", 0, 1),
    }),
    "add": Kind("adds a random number to each value", (FEATURES, SIGNAL, SPECTROGRAM, HIDDEN), {
        "stddev": _number(5.0, "its standard deviation"),
    }),
    "multiply": Kind("multiplies each value by a random number around 1",
                     (FEATURES, SIGNAL, SPECTROGRAM, HIDDEN), {
        "stddev": _number(5.0, "its standard deviation"),
    }),
    "room": Kind("makes a clip sound as if in a room", (SAMPLES,), {
        "source": Text("", "impulse responses to use: a corpus file, an audio file, or a folder"),
        "rt60": _number(0.4, "reverberation time (60 dB) in s, without a source", 0.1, 2, 0.2),
    }),
    "join": Kind("appends other training clips", (CLIPS,), {
        "n": _number(2, "total number of clips", 1, 100),
        "gap": _number(300.0, "ms of silence between them", 0, 10 * _SECOND),
        "longest": _number(15_000.0, "maximum total duration in ms", 0),
    }),
    "speed": Kind("plays faster or slower, and so at higher or lower pitch", (SAMPLES,), {
        "factor": _number(1.0, "2 is twice as fast", 0.1, 10, 0.1),
    }),
    "specaugment": Kind("SpecAugment (LibriSpeech double, without warping)", (AUTO, FEATURES,
                                                                              HIDDEN), {
        "nt": _number(2, "number of time masks", 0, _COUNT),
        "t": _number(1000.0, "maximum ms per mask", 0),
        "share": _number(0.2, "maximum fraction of the clip per mask", 0, 1),
        "nf": _number(2, "number of frequency masks", 0, _COUNT),
        "f": _number(0.34, "maximum fraction of the frequencies per mask", 0, 1),
    }),
    "specaugment-lowresource": Kind("masks as in wav2vec 2.0 for ten minutes of speech",
                                    (AUTO, FEATURES, HIDDEN), {
        "time": _number(0.65, "fraction of the frames, overlaps counted twice", 0, 1),
        "time_length": _number(200.0, "ms per mask", 1),
        "channel": _number(0.25, "fraction of the channels, overlaps counted twice", 0, 1),
        "channel_length": _number(64, "channels per mask; at most an eighth of all", 1),
    }),
}  # fmt: skip
