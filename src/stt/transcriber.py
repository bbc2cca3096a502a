"""Many recordings of any length, transcribed with all cores in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from coqui_stt_ctcdecoder.errors import UserError

from .audio_source import read_pcm_blocks
from .metadata import CandidateTranscript
from .model import Model
from .voice_activity import Segment, split_speech
from .words import Word, words_of


@dataclass(frozen=True)
class Limits:
    """How much is transcribed side by side, which bounds the memory it takes.

    Attributes:
        batch_size: segments.
        outlier_milliseconds: length beyond which a segment is an outlier.
        outlier_batch_size: outliers; at least one for each core.
    """

    batch_size: int = 40
    outlier_milliseconds: int = 10_000
    outlier_batch_size: int = 1


@dataclass(frozen=True)
class Passage:
    """A segment of a recording, and what is said in it; times count from the recording's start."""

    start_milliseconds: int
    end_milliseconds: int
    text: str
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Recording:
    """What became of a recording: its passages in order, or an error that says why not."""

    path: Path
    passages: tuple[Passage, ...] = ()
    error: UserError | None = None

    @property
    def words(self) -> list[Word]:
        """All words."""
        return [word for passage in self.passages for word in passage.words]


@dataclass
class _Job:
    path: Path
    futures: list[Future[Passage]] = field(default_factory=list)
    error: UserError | None = None

    @property
    def is_done(self) -> bool:
        return all(future.done() for future in self.futures)

    def result(self) -> Recording:
        if self.error is None:
            try:
                return Recording(self.path, tuple(future.result() for future in self.futures))
            except UserError as error:
                self.error = error
        return Recording(self.path, error=self.error)


def transcribe_recordings(
    model: Model, paths: Sequence[Path], limits: Limits, *, aggressiveness: int = 3
) -> Iterator[Recording]:
    """Yield recordings as they are done, roughly in order.

    Segments of one recording, and of several, are transcribed at the same time; audio is read only
    as fast as it is transcribed.

    Args:
        model: loaded.
        paths: audio files of any format, rate and length.
        limits: of the memory this may take.
        aggressiveness: of the voice activity detection, 0 to 3.
    """
    waiting: deque[_Job] = deque()
    with _Workers(model, limits) as workers:
        for path in paths:
            job = _Job(path)
            waiting.append(job)
            try:
                blocks = read_pcm_blocks(path, model.sample_rate())
                for segment in split_speech(blocks, model.sample_rate(), aggressiveness):
                    job.futures.append(workers.submit(segment))
            except UserError as error:
                job.error = error
            while waiting and waiting[0].is_done:
                yield waiting.popleft().result()
        for job in waiting:
            yield job.result()


class _Workers:
    """Threads that transcribe segments; `submit` waits while as many as allowed are in flight."""

    def __init__(self, model: Model, limits: Limits) -> None:
        cores = os.cpu_count() or 1
        self._model = model
        self._limits = limits
        self._pool = ThreadPoolExecutor(cores, "transcribe")
        self._in_flight: dict[bool, deque[Future[Passage]]] = {False: deque(), True: deque()}
        self._capacity = {
            False: max(limits.batch_size, cores),
            True: max(limits.outlier_batch_size, cores),
        }

    def submit(self, segment: Segment) -> Future[Passage]:
        is_outlier = segment.duration_milliseconds > self._limits.outlier_milliseconds
        in_flight = self._in_flight[is_outlier]
        while len(in_flight) >= self._capacity[is_outlier]:
            in_flight.popleft().exception()  # waits; the error itself is told by the job
        future = self._pool.submit(self._transcribe, segment)
        in_flight.append(future)
        return future

    def _transcribe(self, segment: Segment) -> Passage:
        best = self._model.stt_with_metadata(segment.samples).transcripts[0]
        return passage_of(segment, best)

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def passage_of(segment: Segment, transcript: CandidateTranscript) -> Passage:
    """Return a segment's transcript with times of the recording."""
    offset_seconds = segment.start_milliseconds / 1000
    return Passage(
        segment.start_milliseconds,
        segment.end_milliseconds,
        transcript.text,
        tuple(word.shifted(offset_seconds) for word in words_of(transcript.tokens)),
    )
