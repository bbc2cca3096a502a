"""Transcribes the file of a client in turns with those of other clients."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from coqui_stt_ctcdecoder.errors import UserError

from ..audio.pcm import Pcm
from ..audio.source import read_pcm_blocks
from ..audio.voice_activity import AGGRESSIVENESS, split_speech
from ..errors import UnreadFormatError
from ..metadata import CandidateTranscript
from ..transcriber import Passage, passage_of, words_of_passages
from ..words import Word, words_of
from .request_error import RequestError
from .service import Service


@dataclass(frozen=True)
class FileTranscript:
    """The transcript of a file.

    Attributes:
        text: text of the best hypothesis.
        words: words of the text with their times.
        candidates: all hypotheses, best first; empty if the audio was cut at its pauses.
        audio_seconds: length of the audio.
    """

    text: str
    words: list[Word]
    candidates: tuple[CandidateTranscript, ...]
    audio_seconds: float


async def transcribe_file(
    service: Service, audio: io.BytesIO, candidates: int = 1, *, in_passages: bool = False
) -> FileTranscript:
    """Transcribe a file.

    Args:
        service: service with the model and the worker threads.
        audio: contents of the file, of any format.
        candidates: highest number of hypotheses to return.
        in_passages: whether to cut the audio at its pauses, as for subtitles.

    Raises:
        RequestError: the file cannot be read as audio, or is longer than allowed.
    """
    file_audio = _FileAudio(service, audio)
    try:
        if in_passages:
            result = await _transcribe_passages(service, file_audio)
        else:
            result = await _transcribe_whole(service, file_audio, candidates)
    except (UserError, RequestError) as error:
        service.metrics.file_ended("refused")
        if isinstance(error, RequestError):
            raise
        message = error.for_others if isinstance(error, UnreadFormatError) else str(error)
        raise RequestError(400, "bad_audio", message) from None
    except BaseException:
        service.metrics.file_ended("failed")
        raise
    service.metrics.file_ended("done")
    service.metrics.heard("file", result.audio_seconds)
    return result


class _FileAudio:
    """Iterator over the blocks of a file's audio, which raises if the audio is too long."""

    def __init__(self, service: Service, audio: io.BytesIO) -> None:
        self._rate_hz = service.model.sample_rate()
        self._most_seconds = service.limits.max_file_seconds
        self._blocks = read_pcm_blocks(audio, self._rate_hz)
        self._samples = 0

    def __iter__(self) -> Iterator[Pcm]:
        for block in self._blocks:
            self._samples += len(block)
            if self.seconds > self._most_seconds:
                raise RequestError(
                    413,
                    "too_long",
                    f"the audio is longer than {self._most_seconds:g} seconds, the limit of this "
                    "server; cut it",
                )
            yield block

    @property
    def seconds(self) -> float:
        """Length of the audio read so far."""
        return self._samples / self._rate_hz


async def _transcribe_whole(
    service: Service, file_audio: _FileAudio, candidates: int
) -> FileTranscript:
    pieces = (piece for block in file_audio for piece in _slices(block, service.slice_samples))
    with service.model.create_stream() as stream:
        while (piece := await service.run(next, pieces, None)) is not None:
            await service.run(stream.feed_audio_content, piece)
        metadata = await service.run(stream.finish_stream_with_metadata, candidates)
    best = metadata.transcripts[0]
    return FileTranscript(
        best.text, words_of(best.tokens), tuple(metadata.transcripts), file_audio.seconds
    )


async def _transcribe_passages(service: Service, file_audio: _FileAudio) -> FileTranscript:
    model = service.model
    passages: list[Passage] = []
    segments = split_speech(file_audio, model.sample_rate(), AGGRESSIVENESS)
    while (segment := await service.run(next, segments, None)) is not None:
        with model.create_stream() as stream:
            for piece in _slices(segment.samples, service.slice_samples):
                await service.run(stream.feed_audio_content, piece)
            metadata = await service.run(stream.finish_stream_with_metadata, 1)
        passages.append(passage_of(segment, metadata.transcripts[0]))
    text = " ".join(passage.text for passage in passages if passage.text)
    return FileTranscript(text, words_of_passages(passages), (), file_audio.seconds)


def _slices(samples: Pcm, slice_samples: int) -> Iterator[Pcm]:
    for start in range(0, len(samples), slice_samples):
        yield samples[start : start + slice_samples]
