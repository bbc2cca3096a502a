"""Room acoustics: simulated impulse responses, and applying a response to samples."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .chance import chance_of
from .level import at_peak_dbfs, peak_dbfs

Samples = NDArray[np.float32]

ROOMS = 40  # number of simulated rooms, each with places of speaker and microphone
_RT60_STEP_SECONDS = 0.05
_SMALLEST_METRES, _LARGEST_METRES = (3.0, 3.0, 2.3), (9.0, 7.0, 3.5)
_FROM_WALL_METRES = 0.5
_MOST_REFLECTIONS = 30


def room_response(number: int, rt60_seconds: float, rate_hz: int) -> Samples:
    """Return the impulse response of a room, float32 `[samples]`, its direct sound first.

    Args:
        number: number of the room, from 0 to `ROOMS` - 1, which determines its size and the places
            of speaker and microphone.
        rt60_seconds: time in which sound decays by 60 dB, rounded to 50 ms; at least the shortest
            that is possible in a room of this size.
        rate_hz: sample rate.
    """
    steps = max(2, round(rt60_seconds / _RT60_STEP_SECONDS))
    return _response(number, steps * _RT60_STEP_SECONDS, rate_hz)


@lru_cache(maxsize=1024)
def _response(number: int, rt60_seconds: float, rate_hz: int) -> Samples:
    import pyroomacoustics

    chance = chance_of("room", number)
    size = chance.uniform(_SMALLEST_METRES, _LARGEST_METRES)
    speaker, microphone = (
        chance.uniform(_FROM_WALL_METRES, size - _FROM_WALL_METRES) for _ in range(2)
    )
    while True:
        try:
            absorption, order = pyroomacoustics.inverse_sabine(rt60_seconds, size)
            break
        except ValueError:  # even fully absorbing walls give a longer decay in a room of this size
            rt60_seconds += _RT60_STEP_SECONDS
    room = pyroomacoustics.ShoeBox(
        size,
        fs=rate_hz,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, _MOST_REFLECTIONS),
    )
    room.add_source(speaker)
    room.add_microphone(microphone)
    room.compute_rir()
    return from_direct_sound(np.asarray(room.rir[0][0], np.float32))


def from_direct_sound(response: Samples) -> Samples:
    """Cut an impulse response before its loudest sample, so that it causes no delay."""
    return response[int(np.abs(response).argmax()) :]


def in_room(samples: Samples, response: Samples) -> Samples:
    """Apply an impulse response to samples; length and peak stay the same."""
    length = len(samples) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    product = np.fft.rfft(samples, size) * np.fft.rfft(response, size)
    return at_peak_dbfs(np.fft.irfft(product, size)[: len(samples)], peak_dbfs(samples))
