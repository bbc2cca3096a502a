"""Cuts long recordings at pauses, into clips short enough to remember while typing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from stt.audio.pcm import Pcm
from stt.audio.reference import AudioReference
from stt.audio.source import read_pcm_blocks
from stt.audio.voice_activity import AGGRESSIVENESS, Segment, split_speech

from .clip import Span

_RATE_HZ = 16000  # sample rate of the voice activity detection
_JOINED_PAUSE_SECONDS = 1.0  # the longest pause within a clip
_STEP_SECONDS = 0.03  # frame length of the search for the quietest place
_QUIET_STEPS = 10


def cut_recording(audio: AudioReference, longest_seconds: float) -> Iterator[Span]:
    """Yield the clips of a recording as they are found. A short recording is one clip.

    Speech without a pause is cut at its quietest place.

    Args:
        audio: recording of any length; it is read in blocks.
        longest_seconds: greatest length of a clip.

    Raises:
        AudioError: the recording cannot be read.
    """
    blocks = read_pcm_blocks(audio, _RATE_HZ)
    begun: list[Pcm] = []
    samples = 0
    for block in blocks:
        begun.append(block)
        samples += len(block)
        if samples > longest_seconds * _RATE_HZ:
            break
    else:
        if samples:
            yield Span(0, round(1000 * samples / _RATE_HZ), is_whole=True)
        return
    segments = split_speech(chain(begun, blocks), _RATE_HZ, AGGRESSIVENESS)
    yield from _joined(_shortened(segments, longest_seconds), longest_seconds)


def _joined(spans: Iterable[Span], longest_seconds: float) -> Iterator[Span]:
    last: Span | None = None
    for span in spans:
        if last is None:
            last = span
            continue
        joined = Span(last.start_milliseconds, span.end_milliseconds)
        pause = span.start_milliseconds - last.end_milliseconds
        if pause <= 1000 * _JOINED_PAUSE_SECONDS and joined.milliseconds <= 1000 * longest_seconds:
            last = joined
        else:
            yield last
            last = span
    if last is not None:
        yield last


def _shortened(segments: Iterable[Segment], longest_seconds: float) -> Iterator[Span]:
    longest = int(longest_seconds * _RATE_HZ)
    for segment in segments:
        samples, start = segment.samples, segment.start_milliseconds
        while len(samples) > longest:
            place = _quietest(samples, longest // 3, longest)
            end = start + round(1000 * place / _RATE_HZ)
            yield Span(start, end)
            samples, start = samples[place:], end
        yield Span(start, segment.end_milliseconds)


def _quietest(samples: Pcm, first: int, last: int) -> int:
    """Return the middle of the quietest 0.3 s between two sample indices."""
    step = int(_STEP_SECONDS * _RATE_HZ)
    part = samples[first:last].astype(np.float64)
    steps = np.square(part[: len(part) // step * step].reshape(-1, step)).mean(axis=1)
    if len(steps) < _QUIET_STEPS:
        return (first + last) // 2
    energies = np.convolve(steps, np.ones(_QUIET_STEPS), "valid")
    return first + (int(energies.argmin()) + _QUIET_STEPS // 2) * step
