"""The loudness of a recording, and the start and end of speech by it, to 10 ms.

The times of CTC models are inaccurate: the first label of a sentence comes late, and the last one
early. At pauses, loudness gives better times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from stt.audio.pcm import Pcm
from stt.engines import FloatArray

from .alignment import AlignedUnit

FRAME_SECONDS = 0.01
_FARTHEST_SECONDS = 0.6  # largest distance that an edge is moved outwards
_INWARDS_SECONDS = 0.2  # largest distance that an edge is moved inwards
_PAUSE_FRAMES = 15  # a pause has at least so many quiet frames
_BELOW_SPEECH_DECIBELS = 30.0
_ABOVE_NOISE_DECIBELS = 6.0


@dataclass
class Envelope:
    """Levels of a recording, which is read in blocks.

    Attributes:
        parts: levels in dB of frames of 10 ms, float32, an array for each block.
    """

    parts: list[FloatArray] = field(default_factory=list)

    def follow(self, blocks: Iterable[Pcm], sample_rate_hz: int) -> Iterator[Pcm]:
        """Yield the blocks unchanged, and record their levels."""
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
    """Move the start of each unit's first word and the end of its last word to those of the sound.

    Edges that are not at a pause do not move.

    Args:
        units: aligned units, in order.
        levels: levels of the recording in dB, float32 `[frames]`, with frames of 10 ms.
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
    """Search back from `begin` to `limit` for the first frame of the sound after a pause.

    Return None if there is no sound, or if it is still loud at a `limit` above 0.
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
