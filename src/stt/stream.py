"""Streams, which transcribe an utterance while it is spoken."""

from __future__ import annotations

import threading
from typing import Any

from .audio.pcm import as_pcm
from .decoding import DecoderStream
from .engines import AcousticStream
from .errors import StreamError
from .metadata import Metadata


class Stream:
    """One utterance whose audio arrives in pieces. Created by `Model.create_stream`.

    It keeps the scorer, hot words and beam width that the model had when the stream was created.
    Its methods are thread-safe but run one at a time; different streams of a model run in parallel.
    As a context manager it is freed at the end, unless it was finished before.

    All methods raise `StreamError` once the stream is finished or freed.
    """

    def __init__(self, acoustic: AcousticStream, decoder: DecoderStream) -> None:
        self._parts: tuple[AcousticStream, DecoderStream] | None = (acoustic, decoder)
        self._lock = threading.Lock()

    def feed_audio_content(self, audio_buffer: Any) -> None:
        """Add any number of samples.

        Args:
            audio_buffer: int16 `[samples]`, mono, at the model's sample rate.

        Raises:
            AudioBufferError: `audio_buffer` is something else.
        """
        samples = as_pcm(audio_buffer)
        with self._lock:
            acoustic, decoder = self._open("feed")
            decoder.feed(acoustic.feed(samples))

    def intermediate_decode(self) -> str:
        """Return the transcript so far, without the audio that is not yet processed.

        This is up to half a second with a DeepSpeech model, and up to the latency of live streams
        with an encoder.
        """
        return self.intermediate_decode_with_metadata().transcripts[0].text

    def intermediate_decode_with_metadata(self, num_results: int = 1) -> Metadata:
        """Return at most `num_results` hypotheses so far; no audio is processed again."""
        with self._lock:
            _, decoder = self._open("decode")
            return decoder.decode(checked_count(num_results))

    def intermediate_decode_flush_buffers(self) -> str:
        """Return the transcript of all audio so far, as if it ended here. More audio may follow.

        It is slower than `intermediate_decode` by one call of the acoustic model. (Upstream's
        method changes later results; this one does not.)
        """
        return self.intermediate_decode_with_metadata_flush_buffers().transcripts[0].text

    def intermediate_decode_with_metadata_flush_buffers(self, num_results: int = 1) -> Metadata:
        """Return the hypotheses of all audio so far, as if it ended here. More may follow."""
        with self._lock:
            acoustic, decoder = self._open("decode")
            decoder = decoder.copy()
            decoder.feed(acoustic.copy().finish())
            return decoder.decode(checked_count(num_results))

    def finish_stream(self) -> str:
        """End the stream, and return the transcript."""
        return self.finish_stream_with_metadata().transcripts[0].text

    def finish_stream_with_metadata(self, num_results: int = 1) -> Metadata:
        """End the stream, and return at most `num_results` hypotheses, best first."""
        count = checked_count(num_results)
        with self._lock:
            acoustic, decoder = self._open("finish")
            self._parts = None
            decoder.feed(acoustic.finish())
            return decoder.decode(count)

    def free_stream(self) -> None:
        """End the stream without a transcript."""
        with self._lock:
            self._open("free")
            self._parts = None

    def _open(self, verb: str) -> tuple[AcousticStream, DecoderStream]:
        if self._parts is None:
            raise StreamError(
                f"Stream object is not valid. Trying to {verb} an already finished stream? "
                "Make a new one with createStream()"
            )
        return self._parts

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._parts = None

    # Upstream's names. They are calls instead of aliases, so that overrides in subclasses work.

    def feedAudioContent(self, audio_buffer: Any) -> None:
        """Add samples, like `feed_audio_content`."""
        self.feed_audio_content(audio_buffer)

    def intermediateDecode(self) -> str:
        """Return `intermediate_decode()`."""
        return self.intermediate_decode()

    def intermediateDecodeWithMetadata(self, num_results: int = 1) -> Metadata:
        """Return `intermediate_decode_with_metadata(num_results)`."""
        return self.intermediate_decode_with_metadata(num_results)

    def intermediateDecodeFlushBuffers(self) -> str:
        """Return `intermediate_decode_flush_buffers()`."""
        return self.intermediate_decode_flush_buffers()

    def intermediateDecodeWithMetadataFlushBuffers(self, num_results: int = 1) -> Metadata:
        """Return `intermediate_decode_with_metadata_flush_buffers(num_results)`."""
        return self.intermediate_decode_with_metadata_flush_buffers(num_results)

    def finishStream(self) -> str:
        """Return `finish_stream()`."""
        return self.finish_stream()

    def finishStreamWithMetadata(self, num_results: int = 1) -> Metadata:
        """Return `finish_stream_with_metadata(num_results)`."""
        return self.finish_stream_with_metadata(num_results)

    def freeStream(self) -> None:
        """End the stream without a transcript, like `free_stream`."""
        self.free_stream()


def checked_count(num_results: int) -> int:
    """Return the requested number of hypotheses.

    Raises:
        StreamError: the number is less than 1.
    """
    if num_results < 1:
        raise StreamError(f"num_results is {num_results}; at least 1 reading must be asked for")
    return int(num_results)
