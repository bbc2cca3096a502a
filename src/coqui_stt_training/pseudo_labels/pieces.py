"""Splits recordings into clips: short ones are kept whole, longer ones are cut at pauses."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from stt.audio.mono import Source
from stt.audio.pcm import Pcm
from stt.audio.source import read_pcm_blocks
from stt.audio.voice_activity import LONGEST_SEGMENT_SECONDS, Segment, split_speech

# Longest pause within a clip, beyond the 0.6 s of silence that segments have at their ends.
_LONGEST_PAUSE_MILLISECONDS = 500


def digest_audio(source: Source, sample_rate_hz: int) -> str:
    """Return a digest of the samples, which depends on neither the file's format nor its name.

    Raises:
        AudioError: the audio cannot be read.
    """
    digest = hashlib.sha256()
    for block in read_pcm_blocks(source, sample_rate_hz):
        digest.update(block.tobytes())
    return digest.hexdigest()


class Cutter:
    """Cuts recordings as they are read; see `stt.transcriber.Cut`. Not thread-safe.

    Args:
        longest_seconds: a recording up to this length is one clip. A longer one is cut at pauses
            into clips of at most this length; clips without a pause may be longer.
        aggressiveness: aggressiveness of the voice activity detection, 0 to 3.

    Attributes:
        digests: digests of the recordings that were read to their end; see `digest_audio`.
    """

    def __init__(self, longest_seconds: float, aggressiveness: int) -> None:
        self._longest_seconds = longest_seconds
        self._aggressiveness = aggressiveness
        self.digests: dict[Source, str] = {}

    def __call__(
        self, source: Source, blocks: Iterator[Pcm], sample_rate_hz: int
    ) -> Iterator[Segment]:
        """Yield the clips of a recording."""
        digest = hashlib.sha256()

        def read() -> Iterator[Pcm]:
            for block in blocks:
                digest.update(block.tobytes())
                yield block

        upcoming, head = read(), list[Pcm]()
        count, most = 0, self._longest_seconds * sample_rate_hz
        while count <= most and (block := next(upcoming, None)) is not None:
            head.append(block)
            count += len(block)
        if count > most:
            yield from self._clips(itertools.chain(head, upcoming), sample_rate_hz)
        elif count:
            yield Segment(0, round(1000 * count / sample_rate_hz), np.concatenate(head))
        self.digests[source] = digest.hexdigest()

    def _clips(self, blocks: Iterable[Pcm], sample_rate_hz: int) -> Iterator[Segment]:
        """Yield segments of speech, joined over short pauses while the clip is not too long."""
        recent = _Recent(blocks, sample_rate_hz)
        longest = 1000 * self._longest_seconds
        clip: list[Segment] = []
        for part in split_speech(recent, sample_rate_hz, self._aggressiveness):
            if clip:
                end = clip[-1].end_milliseconds
                pause = part.start_milliseconds - end
                length = part.end_milliseconds - clip[0].start_milliseconds
                if pause <= _LONGEST_PAUSE_MILLISECONDS and length <= longest:
                    clip.append(recent.between(end, part.start_milliseconds))
                else:
                    yield _joined(clip)
                    clip = []
            clip.append(part)
        if clip:
            yield _joined(clip)


def _joined(parts: Sequence[Segment]) -> Segment:
    return Segment(
        parts[0].start_milliseconds,
        parts[-1].end_milliseconds,
        np.concatenate([part.samples for part in parts]),
    )


class _Recent:
    """Passes blocks on, and keeps the latest samples, from which pauses are taken."""

    def __init__(self, blocks: Iterable[Pcm], sample_rate_hz: int) -> None:
        self._blocks = blocks
        self._rate_hz = sample_rate_hz
        self._kept = np.zeros(0, np.int16)
        self._first = 0  # index of the first kept sample in the recording

    def __iter__(self) -> Iterator[Pcm]:
        most = (LONGEST_SEGMENT_SECONDS + 1) * self._rate_hz  # a segment, and a pause before it
        for block in self._blocks:
            forgotten = max(0, len(self._kept) - most)
            self._kept = np.concatenate([self._kept[forgotten:], block])
            self._first += forgotten
            yield block

    def between(self, begin_milliseconds: int, end_milliseconds: int) -> Segment:
        """Return a segment of the kept samples."""
        begin, end = (
            max(0, round(at * self._rate_hz / 1000) - self._first)
            for at in (begin_milliseconds, end_milliseconds)
        )
        return Segment(begin_milliseconds, end_milliseconds, self._kept[begin:end])
