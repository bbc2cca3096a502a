"""The model, which transcribes speech."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .audio.pcm import as_pcm
from .cores import available_cores
from .decoder_controls import DecoderControls
from .engines import (
    CREATE_MODEL,
    AcousticStream,
    BatchEngine,
    Engine,
    FloatArray,
    SizedEngine,
    open_engine,
    streams_at_a_time,
)
from .engines.utterance import UtteranceEngine
from .errors import ErrorCode, LatencyError, ModelError
from .metadata import Metadata
from .stream import Stream, checked_count


class Model(DecoderControls):
    """A trained model, with or without a scorer. All methods are thread-safe.

    Args:
        model_path: path of a `.tflite` file (upstream's or ours), an `.onnx` file, or, if PyTorch
            is installed, a checkpoint; or `hf://owner/name` for a model on the Hugging Face hub.
        threads: number of threads that the acoustic model may use for one stream; None for all
            cores.
        parallel: number of streams that the acoustic model may compute at the same time; None for
            one per core.

    Raises:
        ModelError: the file is missing, broken, or not a speech-to-text model. The error is a
            `RuntimeError`, as upstream's, and a `ValueError`.
        HubError: the model cannot be downloaded from the hub.

    Example:
        >>> model = Model("model.tflite")  # doctest: +SKIP
        >>> model.stt(samples)  # doctest: +SKIP
        'she had your dark suit in greasy wash water all year'
    """

    def __init__(
        self, model_path: str | Path, *, threads: int | None = None, parallel: int | None = None
    ) -> None:
        cores = available_cores()
        self._start(open_engine(model_path, threads=threads or cores, parallel=parallel or cores))

    @classmethod
    def from_engine(cls, engine: Engine) -> Model:
        """Return a model that runs on an existing engine."""
        model = cls.__new__(cls)
        model._start(engine)
        return model

    def _start(self, engine: Engine) -> None:
        self._engine: Engine | None = engine
        info = engine.info
        self._sample_rate_hz = info.sample_rate_hz
        self._decode_with(info.alphabet, info.beam_width, info.step_seconds)

    @property
    def language(self) -> str:
        """Language of the model, a BCP 47 tag; empty if its file does not state it."""
        return self._open_engine().info.language

    def set_live_latency(self, seconds: float) -> None:
        """Set the latency of live streams that are created from now on.

        Only models of whole clips have this setting: they compute each piece with the seconds
        before it, so longer pieces take less time. Other models are streaming models.

        Raises:
            LatencyError: the latency is out of range, or the model is a streaming model.
        """
        engine = self._open_engine()
        if not isinstance(engine, UtteranceEngine):
            raise LatencyError("this model works without such a latency; leave it out")
        try:
            engine.set_live_latency(seconds)
        except ValueError as error:
            raise LatencyError(str(error)) from None

    def sample_rate(self) -> int:
        """Return the sample rate of the model in Hz."""
        return self._sample_rate_hz

    def create_stream(self) -> Stream:
        """Return a new stream for one utterance."""
        return Stream(self.create_acoustic_stream(), self.create_decoder_stream())

    def create_acoustic_stream(self) -> AcousticStream:
        """Return the first half of a stream: from samples to posteriors."""
        return self._open_engine().open_stream()

    def stt(self, audio_buffer: Any) -> str:
        """Return the transcript of audio.

        Args:
            audio_buffer: int16 `[samples]`, mono, at the model's sample rate.

        Raises:
            AudioBufferError: `audio_buffer` is something else.
        """
        return self.stt_with_metadata(audio_buffer).transcripts[0].text

    def stt_with_metadata(self, audio_buffer: Any, num_results: int = 1) -> Metadata:
        """Return at most `num_results` hypotheses of audio, best first; see `stt`."""
        samples = as_pcm(audio_buffer)
        count = checked_count(num_results)
        return self._decode(self._open_engine().posteriors(samples), count)

    def _decode(self, posteriors: FloatArray, count: int) -> Metadata:
        decoder = self.create_decoder_stream()
        decoder.feed(posteriors)
        return decoder.decode(count)

    def probabilities(self, audio_buffer: Any) -> FloatArray:
        """Return the probabilities of audio, float32 `[frames, classes]`; see `stt`."""
        return self._open_engine().posteriors(as_pcm(audio_buffer))

    def stt_batch(self, audio_buffers: Sequence[Any]) -> list[str]:
        """Return the transcripts of several recordings, faster than by calls of `stt`.

        All cores are used, and the acoustic model computes batches if it can.

        Args:
            audio_buffers: recordings, each as for `stt`.

        Raises:
            AudioBufferError: a recording is something else.
        """
        return [
            metadata.transcripts[0].text for metadata in self.stt_batch_with_metadata(audio_buffers)
        ]

    def stt_batch_with_metadata(
        self, audio_buffers: Sequence[Any], num_results: int = 1
    ) -> list[Metadata]:
        """Return at most `num_results` hypotheses of each recording; see `stt_batch`."""
        recordings = [as_pcm(audio) for audio in audio_buffers]
        count = checked_count(num_results)
        with ThreadPoolExecutor(self.streams_at_a_time, "stt_batch") as pool:
            if self.takes_batches:
                heard: Iterable[FloatArray] = self.batch_probabilities(recordings)
                return list(pool.map(lambda rows: self._decode(rows, count), heard))
            return list(pool.map(lambda pcm: self.stt_with_metadata(pcm, count), recordings))

    @property
    def is_small(self) -> bool:
        """Whether a stream takes more time in Python than in the acoustic model."""
        engine = self._open_engine()
        return isinstance(engine, SizedEngine) and engine.is_small

    @property
    def streams_at_a_time(self) -> int:
        """Number of streams, each in its own thread, with the highest throughput.

        It is the number of cores, or more if the engine batches the chunks of several streams.
        """
        return self.streams_on(available_cores())

    def streams_on(self, cores: int) -> int:
        """Return `streams_at_a_time` for a number of cores."""
        return streams_at_a_time(self._open_engine(), cores)

    @property
    def takes_batches(self) -> bool:
        """Whether the engine supports `batch_probabilities`; it is faster than parallel streams."""
        return isinstance(self._engine, BatchEngine)

    def batch_probabilities(self, audio_buffers: Sequence[Any]) -> list[FloatArray]:
        """Return the probabilities of whole utterances, float32 `[frames, classes]` each.

        Args:
            audio_buffers: utterances, each as for `stt`.

        Raises:
            AudioBufferError: an utterance is something else.
            ModelError: the engine does not support batches; see `takes_batches`.
        """
        engine = self._open_engine()
        if not isinstance(engine, BatchEngine):
            raise ModelError(
                "RunBatch", ErrorCode.FAIL_RUN_SESS, "only checkpoints support batches; use streams"
            )
        return engine.batch_posteriors([as_pcm(audio) for audio in audio_buffers])

    def close(self) -> None:
        """Free the model; its streams must not be used afterwards."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _open_engine(self) -> Engine:
        if self._engine is None:
            raise ModelError(
                CREATE_MODEL, ErrorCode.NO_MODEL, "the model was closed; load it again"
            )
        return self._engine

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # Upstream's names. They are calls instead of aliases, so that overrides in subclasses work.

    def sampleRate(self) -> int:
        """Return `sample_rate()`."""
        return self.sample_rate()

    def sttWithMetadata(self, audio_buffer: Any, num_results: int = 1) -> Metadata:
        """Return `stt_with_metadata(audio_buffer, num_results)`."""
        return self.stt_with_metadata(audio_buffer, num_results)

    def createStream(self) -> Stream:
        """Return `create_stream()`."""
        return self.create_stream()
