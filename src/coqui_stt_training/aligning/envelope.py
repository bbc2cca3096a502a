"""How loud a recording is, and where in it speech begins and ends, to a hundredth of a second.

A model trained with CTC says which letters are spoken, not how long: the first is heard late, and
the last early. Between sentences the loudness says it better.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stt.audio.pcm import Pcm
from stt.engines import FloatArray

from .alignment import AlignedUnit

FRAME_SECONDS = 0.01
_FARTHEST_SECONDS = 0.6  # that an edge is moved outwards
_INWARDS_SECONDS = 0.2
_PAUSE_FRAMES = 15  # in which nobody speaks
_BELOW_SPEECH_DECIBELS = 30.0
_ABOVE_NOISE_DECIBELS = 6.0


@dataclass
class Envelope:
    """Levels of a recording, a byte and a half of memory for each millisecond at most.

    Attributes:
        parts: levels in dB, of frames of 10 ms, as they came.
    """

    parts: list[FloatArray] = field(default_factory=list)

    def follow(self, blocks: Iterable[Pcm], sample_rate_hz: int) -> Iterator[Pcm]:
        """Pass audio on, and take up its levels."""
        frame = round(sample_rate_hz * FRAME_SECONDS)
        rest = np.zeros(0, np.int16)
        for block in blocks:
            rest = np.concatenate([rest, block])
            whole = len(rest) // frame * frame
            frames = rest[:whole].reshape(-1, frame).astype(np.float32)
            self.parts.append(10 * np.log10(np.square(frames).mean(axis=1) + np.float32(1)))
            rest = rest[whole:]
            yield block

    @property
    def levels(self) -> FloatArray:
        """All levels, float32 `[frames]`."""
        return np.concatenate([np.zeros(0, np.float32), *self.parts])


def sharpen_edges(units: Sequence[AlignedUnit], levels: FloatArray) -> list[AlignedUnit]:
    """Return units whose first word begins, and whose last ends, where the sound does.

    An edge that does not lie at a pause stays where it was, as do edges between two units that go
    over into each other.

    Args:
        units: in order.
        levels: of the recording, in dB, float32 `[frames]` of 10 ms.
    """
    starts = [*(unit.start_time for unit in units), len(levels) * FRAME_SECONDS]
    sharpened: list[AlignedUnit] = []
    before = 0.0
    for number, unit in enumerate(units):
        start, end = _edges(unit, levels, before, starts[number + 1])
        words = list(unit.words)
        words[0] = replace(words[0], start_time=min(start, words[0].end_time))
        words[-1] = replace(words[-1], end_time=max(end, words[-1].start_time))
        sharpened.append(replace(unit, words=tuple(words)))
        before = sharpened[-1].end_time
    return sharpened


def _edges(
    unit: AlignedUnit, levels: FloatArray, before: float, after: float
) -> tuple[float, float]:
    first, last = _frame(unit.start_time), max(_frame(unit.end_time), _frame(unit.start_time) + 1)
    inside = levels[first:last]
    if not len(inside):
        return unit.start_time, unit.end_time
    far = round(_FARTHEST_SECONDS / FRAME_SECONDS)
    around = levels[max(0, first - far) : last + far]
    speech = float(np.percentile(inside, 95))
    noise = float(np.percentile(around, 5))
    threshold = max(speech - _BELOW_SPEECH_DECIBELS, noise + _ABOVE_NOISE_DECIBELS)
    if threshold >= speech:
        return unit.start_time, unit.end_time
    loud = levels > threshold
    inwards = min(round(_INWARDS_SECONDS / FRAME_SECONDS), (last - first) // 2)
    start = _onset(loud, first + inwards, max(_frame(before), first - far))
    reached = min(_frame(after), last + far, len(levels))
    end = _onset(loud[::-1], len(loud) - (last - inwards), len(loud) - reached)
    return (
        unit.start_time if start is None else start * FRAME_SECONDS,
        unit.end_time if end is None else (len(loud) - end) * FRAME_SECONDS,
    )


def _onset(loud: np.ndarray[tuple[int], np.dtype[np.bool_]], begin: int, limit: int) -> int | None:
    """Return where the sound that is there at `begin` sets in, looking back to `limit`.

    None: it has been there all the time.
    """
    quiet = 0
    onset: int | None = None
    for frame in range(min(begin, len(loud) - 1), max(limit, 0) - 1, -1):
        if loud[frame]:
            onset, quiet = frame, 0
        else:
            quiet += 1
            if quiet >= _PAUSE_FRAMES and onset is not None:
                return onset
    return onset if limit <= 0 or quiet else None


def _frame(seconds: float) -> int:
    return max(0, round(seconds / FRAME_SECONDS))
