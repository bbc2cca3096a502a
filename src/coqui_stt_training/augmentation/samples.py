"""Augmentation of the samples of a recording."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import soxr
from numpy.typing import NDArray

from .chance import Draw, Values
from .codec import opus_and_back
from .kinds import SIGNAL
from .level import at_peak_dbfs, gain, peak_dbfs
from .plane import change_plane
from .room import ROOMS, from_direct_sound, in_room, room_response
from .stretch import stretched

Samples = NDArray[np.float32]

# Ratios of the combs' delays to the first one's: primes, so that few echoes coincide.
_COMB_PRIMES = (17, 19, 23, 29, 31)
_SHORTEST_DELAY_SAMPLES = 16
_INAUDIBLE = 1e-7  # below the rounding of float32 samples
_SPEED_STEPS = 200  # factors are multiples of 1/200: resampling filters of such ratios are small


class Recordings(Protocol):
    """Recordings by number."""

    def __len__(self) -> int:
        """Return the number of recordings."""
        ...

    def __getitem__(self, number: int) -> Samples:
        """Return the samples of a recording, float32 `[samples]`."""
        ...


@dataclass(frozen=True)
class Recording:
    """Properties of a recording that augmentation needs.

    Attributes:
        rate_hz: sample rate.
        fits: returns whether a number of samples is long enough for the transcript.
        sources: recordings to draw from, at the same rate, by name.
    """

    rate_hz: int
    fits: Callable[[int], bool] = lambda count: True
    sources: Mapping[str, Recordings] = field(default_factory=dict)


def speed(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Change the speed by resampling, which changes tempo and pitch together.

    A clip that would become too short for its labels is not changed.
    """
    steps = max(1, round(values.pick("factor") * _SPEED_STEPS))
    if steps == _SPEED_STEPS or not recording.fits(int(len(samples) * _SPEED_STEPS / steps)):
        return samples
    return np.asarray(soxr.resample(samples, steps, _SPEED_STEPS), np.float32)


def resample(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Resample to another rate and back, which removes frequencies above half that rate."""
    rate_hz = values.pick("rate")
    there = soxr.resample(samples, recording.rate_hz, rate_hz)
    back = np.asarray(soxr.resample(there, rate_hz, recording.rate_hz), np.float32)[: len(samples)]
    return np.pad(back, (0, len(samples) - len(back)))


def volume(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Scale the samples so that the loudest has a given level."""
    return at_peak_dbfs(samples, values.pick("dbfs"))


def reverb(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Add the echoes of parallel combs (https://ccrma.stanford.edu/~jos/pasp/), at equal peak."""
    delay_milliseconds, kept = values.pick("delay"), gain(-values.pick("decay"))
    result = samples.astype(np.float64)
    for prime in _COMB_PRIMES:
        milliseconds = delay_milliseconds * prime / _COMB_PRIMES[0]
        delay_samples = int(milliseconds * recording.rate_hz / 1000)
        result += _comb(samples, max(_SHORTEST_DELAY_SAMPLES, delay_samples), kept)
    return at_peak_dbfs(result, peak_dbfs(samples))


def _comb(samples: Samples, delay_samples: int, kept: float) -> NDArray[np.float64]:
    """Return y[t] = x[t] + kept * y[t - delay].

    This is the sum of x[t - n * delay] * kept ** n over n; each pass doubles the number of terms.
    """
    result = samples.astype(np.float64)
    while kept > _INAUDIBLE and delay_samples < len(result):
        result[delay_samples:] += kept * result[:-delay_samples]
        delay_samples, kept = 2 * delay_samples, kept**2
    return result


def codec(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Compress with Opus and decompress."""
    return opus_and_back(samples, recording.rate_hz, int(values.pick("bitrate")))


def room(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Apply room acoustics: an impulse response of the user's, or a simulated one."""
    if source := values.text("source"):
        responses = recording.sources[source]
        response = from_direct_sound(responses[int(values.chance.integers(len(responses)))])
    else:
        number = int(values.chance.integers(ROOMS))
        response = room_response(number, values.pick("rt60"), recording.rate_hz)
    return in_room(samples, response)


def overlay(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Add other recordings, whose common peak is `snr` dB lower; the peak stays the same."""
    source = recording.sources[values.text("source")]
    added = np.zeros(len(samples))
    for _ in range(values.count("layers")):
        added += _stitched(source, len(samples), values.chance)
    peak = peak_dbfs(samples)
    if not added.any():
        return samples
    mixed = samples + added * gain(peak - peak_dbfs(added) - values.pick("snr"))
    return at_peak_dbfs(mixed, peak)


def _stitched(source: Recordings, length: int, chance: np.random.Generator) -> Samples:
    """Concatenate random recordings to a given length, starting at a random place in the first.

    Reading ensures that no recording is empty.
    """
    pieces: list[Samples] = []
    missing = length
    while missing > 0:
        piece = source[int(chance.integers(len(source)))]
        if not pieces:
            piece = piece[int(chance.integers(len(piece))) :]
        pieces.append(piece[:missing])
        missing -= len(pieces[-1])
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def pitch(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Shift the pitch, for models that take samples."""
    return stretched(samples, recording.rate_hz, pitch=values.pick("pitch"))


def tempo(samples: Samples, values: Values, recording: Recording) -> Samples:
    """Change the tempo, for models that take samples; the labels limit how much."""
    factor = values.pick("factor")
    longest_samples = int(values.pick("max_time") * recording.rate_hz / 1000)
    if longest_samples > 0:
        factor = max(factor, len(samples) / longest_samples)
    if not recording.fits(int(len(samples) / factor)):
        return samples
    return stretched(samples, recording.rate_hz, tempo=factor)


CHANGES: Mapping[str, Callable[[Samples, Values, Recording], Samples]] = {
    "speed": speed,
    "resample": resample,
    "volume": volume,
    "reverb": reverb,
    "codec": codec,
    "room": room,
    "overlay": overlay,
    "pitch": pitch,
    "tempo": tempo,
}


def change_samples(samples: Samples, draws: Sequence[Draw], recording: Recording) -> Samples:
    """Return the changed samples, float32 `[samples]`.

    Args:
        samples: float32 `[samples]`; not modified.
        draws: draws that act on samples, in the order of application.
        recording: further properties of the recording.
    """
    for draw in draws:
        if draw.augmentation.domain == SIGNAL:
            plane = change_plane(samples[:, None], draw, 1000 / recording.rate_hz)
            samples = plane[:, 0]
        else:
            samples = CHANGES[draw.augmentation.name](samples, draw.values(), recording)
    return samples
