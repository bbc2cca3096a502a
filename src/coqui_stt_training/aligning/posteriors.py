"""Posteriors of recordings of any length, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np

from stt.audio.mono import Source
from stt.audio.source import read_pcm_blocks
from stt.audio.voice_activity import AGGRESSIVENESS, Segment, split_speech
from stt.engines import Engine, FloatArray, posteriors_of, streams_at_a_time

from .envelope import Envelope

_SEGMENTS_AT_A_TIME = 8
_MOST_BLANK_FRAMES = 4096


def recording_posteriors(
    engine: Engine,
    source: Source,
    aggressiveness: int = AGGRESSIVENESS,
    envelope: Envelope | None = None,
) -> Iterator[FloatArray]:
    """Yield the posteriors of a recording in pieces, float32 `[frames, classes]` each.

    The pieces follow each other without gaps from the start of the recording. The model processes
    segments between pauses, as in its training. In pauses the blank has probability 1.

    Args:
        engine: engine that runs the model.
        source: audio of any format, sample rate and length.
        aggressiveness: 0 to 3; higher values classify more frames as pauses.
        envelope: records the levels of the recording; None: they are not recorded.

    Raises:
        AudioError: the recording cannot be read.
    """
    info = engine.info
    blocks = read_pcm_blocks(source, info.sample_rate_hz)
    if envelope:
        blocks = envelope.follow(blocks, info.sample_rate_hz)
    frames = 0
    for segment, posteriors in _segment_posteriors(
        engine, split_speech(blocks, info.sample_rate_hz, aggressiveness)
    ):
        begin = round(segment.start_milliseconds / 1000 / info.step_seconds)
        while frames < begin:
            count = min(begin - frames, _MOST_BLANK_FRAMES)
            yield _blanks(count, info.n_classes)
            frames += count
        posteriors = posteriors[frames - begin :]
        yield posteriors
        frames += len(posteriors)


def _segment_posteriors(
    engine: Engine, segments: Iterable[Segment]
) -> Iterator[tuple[Segment, FloatArray]]:
    upcoming = iter(segments)
    with ThreadPoolExecutor(streams_at_a_time(engine)) as pool:
        while chosen := list(islice(upcoming, _SEGMENTS_AT_A_TIME)):
            samples = [segment.samples for segment in chosen]
            yield from zip(chosen, posteriors_of(engine, samples, pool), strict=True)


def _blanks(count: int, classes: int) -> FloatArray:
    posteriors = np.zeros((count, classes), np.float32)
    posteriors[:, -1] = 1
    return posteriors
