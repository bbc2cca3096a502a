"""Streams: utterances that are transcribed while they are spoken."""

from __future__ import annotations

import threading
from typing import Any

from .audio.pcm import as_pcm
from .decoding import DecoderStream
from .engines import AcousticStream
from .errors import StreamError
from .metadata import Metadata


class Stream:
    """One utterance, fed piece by piece. Made by `Model.createStream`.

    It keeps the scorer, hot words and beam width that the model had when it was made. Its methods
    may be called from several threads, one after the other; different streams of one model run at
    the same time. As a context manager it is freed at the end, if it was not finished before.

    All methods raise `StreamError` once the stream is finished or freed.
    """

    def __init__(self, acoustic: AcousticStream, decoder: DecoderStream) -> None:
        self._parts: tuple[AcousticStream, DecoderStream] | None = (acoustic, decoder)
        self._lock = threading.Lock()

    def feed_audio_content(self, audio_buffer: Any) -> None:
        """Go on with samples, however many.

        Args:
            audio_buffer: int16 `[samples]`, mono, at the model's sample rate.

        Raises:
            AudioBufferError: it is something else.
        """
        samples = as_pcm(audio_buffer)
        with self._lock:
            acoustic, decoder = self._open("feed")
            decoder.feed(acoustic.feed(samples))

    def intermediate_decode(self) -> str:
        """Return the transcript so far: of all audio but the last half second."""
        return self.intermediate_decode_with_metadata().transcripts[0].text

    def intermediate_decode_with_metadata(self, num_results: int = 1) -> Metadata:
        """Return the readings so far, at most `num_results`; audio heard before costs nothing."""
        with self._lock:
            _, decoder = self._open("decode")
            return decoder.decode(checked_count(num_results))

    def intermediate_decode_flush_buffers(self) -> str:
        """Return the transcript of all audio so far, as if it ended here; the stream goes on.

        Dearer than `intermediate_decode`, by one call of the acoustic model. (Upstream's disturbs
        what follows; this one does not.)
        """
        return self.intermediate_decode_with_metadata_flush_buffers().transcripts[0].text

    def intermediate_decode_with_metadata_flush_buffers(self, num_results: int = 1) -> Metadata:
        """Return the readings of all audio so far, as if it ended here; the stream goes on."""
        with self._lock:
            acoustic, decoder = self._open("decode")
            decoder = decoder.copy()
            decoder.feed(acoustic.copy().finish())
            return decoder.decode(checked_count(num_results))

    def finish_stream(self) -> str:
        """Return the transcript, and end the stream."""
        return self.finish_stream_with_metadata().transcripts[0].text

    def finish_stream_with_metadata(self, num_results: int = 1) -> Metadata:
        """Return at most `num_results` readings, best first, and end the stream."""
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

    # Upstream's names. They call, rather than alias, so that subclasses answer under both names.

    def feedAudioContent(self, audio_buffer: Any) -> None:
        """Go on with samples, like `feed_audio_content`."""
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
    """Return how many readings are asked for.

    Raises:
        StreamError: less than one.
    """
    if num_results < 1:
        raise StreamError(f"num_results is {num_results}; at least 1 reading must be asked for")
    return int(num_results)
