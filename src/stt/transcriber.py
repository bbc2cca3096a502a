"""Transcribes many recordings of any length on all cores in bounded memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from coqui_stt_ctcdecoder.errors import UserError

from .audio.mono import Source
from .audio.pcm import Pcm
from .audio.source import read_pcm_blocks
from .audio.voice_activity import AGGRESSIVENESS, Segment, split_speech
from .cores import available_cores
from .decoding import path_confidence
from .engines import FloatArray
from .metadata import CandidateTranscript
from .model import Model
from .subtitles import PAUSE_SECONDS
from .words import Word, words_of

_KEPT_SILENCE_SECONDS = 0.3  # silence of a pause that the segments on both sides include


@dataclass(frozen=True)
class BatchLimits:
    """Limits on the segments transcribed at the same time, which bound the memory.

    For engines without batches, both batch sizes are at least the number of cores.

    Attributes:
        batch_size: number of segments at the same time.
        outlier_milliseconds: a longer segment is an outlier.
        outlier_batch_size: number of outliers at the same time.
    """

    batch_size: int = 40
    outlier_milliseconds: int = 10_000
    outlier_batch_size: int = 1


@dataclass(frozen=True)
class Passage:
    """The transcript of a segment of a recording. Times count from the start of the recording.

    Attributes:
        start_milliseconds: start of the segment.
        end_milliseconds: end of the segment.
        text: transcript of the segment.
        words: words of the transcript with their times.
        confidence: confidence of the model, 0 to 1; see `path_confidence`.
    """

    start_milliseconds: int
    end_milliseconds: int
    text: str
    words: tuple[Word, ...]
    confidence: float = 1.0


@dataclass(frozen=True)
class TranscribedRecording:
    """The transcript of a recording: its passages in order, or the error that prevented it."""

    source: Source
    passages: tuple[Passage, ...] = ()
    error: UserError | None = None

    @property
    def text(self) -> str:
        """Text of the whole recording."""
        return " ".join(passage.text for passage in self.passages if passage.text)

    @property
    def words(self) -> list[Word]:
        """All words of the recording; see `words_of_passages`."""
        return words_of_passages(self.passages)


@dataclass
class _Job:
    source: Source
    futures: list[Future[Passage]] = field(default_factory=list)
    error: UserError | None = None

    @property
    def is_done(self) -> bool:
        return all(future.done() for future in self.futures)

    def result(self) -> TranscribedRecording:
        if self.error is None:
            try:
                return TranscribedRecording(
                    self.source, tuple(future.result() for future in self.futures)
                )
            except UserError as error:
                self.error = error
        return TranscribedRecording(self.source, error=self.error)


# Yields the segments of a recording. Arguments: the recording, its samples in blocks, rate in Hz.
Cut = Callable[[Source, Iterator[Pcm], int], Iterator[Segment]]


def transcribe_recordings(
    model: Model,
    sources: Iterable[Source],
    limits: BatchLimits,
    *,
    aggressiveness: int = AGGRESSIVENESS,
    any_sample_rate: bool = True,
    cut: Cut | None = None,
) -> Iterator[TranscribedRecording]:
    """Yield the transcripts of recordings, in the order of `sources`, as soon as they are done.

    Segments of one and of several recordings are transcribed at the same time. Audio is read only
    as fast as it is transcribed.

    Args:
        model: loaded model.
        sources: audio files of any format, rate and length: paths, seekable binary streams or
            references.
        limits: limits on the segments at the same time.
        aggressiveness: aggressiveness of the voice activity detection, 0 to 3.
        any_sample_rate: whether audio of another rate than the model's is resampled; else it is an
            error.
        cut: function that cuts a recording into segments; None cuts it by voice activity.
    """
    cut = cut or (lambda _, blocks, rate_hz: split_speech(blocks, rate_hz, aggressiveness))
    waiting: deque[_Job] = deque()
    workers_type = _BatchWorkers if model.takes_batches else _StreamWorkers
    with workers_type(model, limits) as workers:
        for source in sources:
            job = _Job(source)
            waiting.append(job)
            try:
                blocks = read_pcm_blocks(
                    source, model.sample_rate(), any_sample_rate=any_sample_rate
                )
                for segment in cut(source, blocks, model.sample_rate()):
                    job.futures.append(workers.submit(segment))
            except UserError as error:
                job.error = error
            while waiting and waiting[0].is_done:
                yield waiting.popleft().result()
        workers.flush()
        while waiting:
            yield waiting.popleft().result()


class _Workers(ABC):
    """Threads that transcribe segments."""

    def __init__(self, model: Model, limits: BatchLimits) -> None:
        self.model = model
        self.limits = limits
        self.pool = ThreadPoolExecutor(model.streams_at_a_time, "transcribe")

    @abstractmethod
    def submit(self, segment: Segment) -> Future[Passage]:
        """Schedule a segment; wait while the allowed number of segments is in progress."""

    @abstractmethod
    def flush(self) -> None:
        """Schedule the segments held back for an incomplete batch."""

    def read(self, segment: Segment, posteriors: FloatArray) -> Passage:
        """Decode the posteriors of a segment, float32 `[frames, classes]`."""
        decoder = self.model.create_decoder_stream()
        decoder.feed(posteriors)
        passage = passage_of(segment, decoder.decode().transcripts[0])
        return replace(passage, confidence=path_confidence(posteriors))

    def is_outlier(self, segment: Segment) -> bool:
        return segment.duration_milliseconds > self.limits.outlier_milliseconds

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)


class _StreamWorkers(_Workers):
    """Transcribes each segment by itself, in parallel threads; some engines batch their calls."""

    def __init__(self, model: Model, limits: BatchLimits) -> None:
        super().__init__(model, limits)
        self._in_flight: dict[bool, deque[Future[Passage]]] = {False: deque(), True: deque()}
        cores = available_cores()
        self._capacity = {
            False: max(limits.batch_size, cores),
            True: max(limits.outlier_batch_size, cores),
        }

    def submit(self, segment: Segment) -> Future[Passage]:
        is_outlier = self.is_outlier(segment)
        in_flight = self._in_flight[is_outlier]
        while len(in_flight) >= self._capacity[is_outlier]:
            in_flight.popleft().exception()  # waits; the job reports the error
        future = self.pool.submit(self._transcribe, segment)
        in_flight.append(future)
        return future

    def flush(self) -> None:
        """Do nothing, since no segment is held back."""

    def _transcribe(self, segment: Segment) -> Passage:
        return self.read(segment, self.model.probabilities(segment.samples))


_Batch = list[tuple[Segment, "Future[Passage]"]]
_BATCHES_IN_FLIGHT = 2  # one in the acoustic model, one in the decoders


class _BatchWorkers(_Workers):
    """Transcribes segments in batches, such as on a GPU; decoding runs in parallel."""

    def __init__(self, model: Model, limits: BatchLimits) -> None:
        super().__init__(model, limits)
        self._device = ThreadPoolExecutor(1, "acoustic")
        self._held_back: dict[bool, _Batch] = {False: [], True: []}
        self._size = {False: limits.batch_size, True: limits.outlier_batch_size}
        self._in_flight: deque[_Batch] = deque()

    def submit(self, segment: Segment) -> Future[Passage]:
        future: Future[Passage] = Future()
        is_outlier = self.is_outlier(segment)
        self._held_back[is_outlier].append((segment, future))
        if len(self._held_back[is_outlier]) >= self._size[is_outlier]:
            self._send(is_outlier)
        return future

    def flush(self) -> None:
        for is_outlier in (False, True):
            if self._held_back[is_outlier]:
                self._send(is_outlier)

    def _send(self, is_outlier: bool) -> None:
        while len(self._in_flight) >= _BATCHES_IN_FLIGHT:
            wait([future for _, future in self._in_flight.popleft()])
        batch = self._held_back[is_outlier]
        self._held_back[is_outlier] = []
        self._in_flight.append(batch)
        self._device.submit(self._run, batch)

    def _run(self, batch: _Batch) -> None:
        try:
            posteriors = self.model.batch_probabilities([part.samples for part, _ in batch])
        except BaseException as error:  # raised where the result is awaited
            for _, future in batch:
                future.set_exception(error)
            return
        for (segment, future), rows in zip(batch, posteriors, strict=True):
            self.pool.submit(self._decode, segment, future, rows)

    def _decode(self, segment: Segment, future: Future[Passage], rows: FloatArray) -> None:
        try:
            future.set_result(self.read(segment, rows))
        except BaseException as error:  # raised where the result is awaited
            future.set_exception(error)

    def __exit__(self, *_: object) -> None:
        self._device.shutdown(cancel_futures=True)
        super().__exit__()


def words_of_passages(passages: Iterable[Passage]) -> list[Word]:
    """Return all words of a recording; the first of a passage after a pause is marked."""
    words: list[Word] = []
    last_end_seconds = 0.0
    for passage in passages:
        if passage.words:
            pause_seconds = passage.start_milliseconds / 1000 - last_end_seconds
            after_pause = pause_seconds >= PAUSE_SECONDS - _KEPT_SILENCE_SECONDS
            words.append(replace(passage.words[0], after_pause=after_pause))
            words += passage.words[1:]
            last_end_seconds = passage.end_milliseconds / 1000
    return words


def passage_of(segment: Segment, transcript: CandidateTranscript) -> Passage:
    """Return the transcript of a segment with times from the start of the recording."""
    offset_seconds = segment.start_milliseconds / 1000
    return Passage(
        segment.start_milliseconds,
        segment.end_milliseconds,
        transcript.text,
        tuple(word.shifted(offset_seconds) for word in words_of(transcript.tokens)),
    )
