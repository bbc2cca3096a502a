"""Models: what speech is transcribed with."""

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
    """A trained model, with or without a scorer. All methods may be called from many threads.

    Args:
        model_path: a `.tflite` file (upstream's or ours), an `.onnx` file, `hf://owner/name` of
            one on the Hugging Face hub, or, where PyTorch is installed, a checkpoint directory.
        threads: how many threads the acoustic model may use for one stream.
        parallel: how many streams may be in the acoustic model at the same time.

    Raises:
        ModelError: the file is missing, broken, or not a speech-to-text model. It is a
            `RuntimeError`, as upstream's, and a `ValueError`.

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
        """Return a model that runs on an engine made elsewhere."""
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
        """The language the model file names, a BCP 47 tag, or empty."""
        return self._open_engine().info.language

    def set_live_latency(self, seconds: float) -> None:
        """Say how late a live stream may be, those that are created from now on.

        Models of whole clips hear the seconds before again with each new piece: the longer it may
        be, the less often. Others hear as one speaks.

        Raises:
            ValueError: too short or too long, or the model hears as one speaks.
        """
        engine = self._open_engine()
        if not isinstance(engine, UtteranceEngine):
            raise LatencyError("this model works without such a latency; leave it out")
        try:
            engine.set_live_latency(seconds)
        except ValueError as error:
            raise LatencyError(str(error)) from None

    def sample_rate(self) -> int:
        """Return the sample rate the model wants, in Hz."""
        return self._sample_rate_hz

    def create_stream(self) -> Stream:
        """Return a stream: an utterance to be fed piece by piece."""
        return Stream(self.create_acoustic_stream(), self.create_decoder_stream())

    def create_acoustic_stream(self) -> AcousticStream:
        """Return the first half of a stream: from samples to posteriors."""
        return self._open_engine().open_stream()

    def stt(self, audio_buffer: Any) -> str:
        """Return the transcript of audio.

        Args:
            audio_buffer: int16 `[samples]`, mono, at the model's sample rate.

        Raises:
            AudioBufferError: it is something else.
        """
        return self.stt_with_metadata(audio_buffer).transcripts[0].text

    def stt_with_metadata(self, audio_buffer: Any, num_results: int = 1) -> Metadata:
        """Return at most `num_results` readings of audio, best first; see `stt`."""
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
        """Return the transcripts of several recordings, each as `stt` gives it, but faster.

        The acoustic model takes them together where it can, and all cores are used.

        Args:
            audio_buffers: the recordings, each as `stt` takes it.

        Raises:
            AudioBufferError: one is something else.
        """
        return [
            metadata.transcripts[0].text for metadata in self.stt_batch_with_metadata(audio_buffers)
        ]

    def stt_batch_with_metadata(
        self, audio_buffers: Sequence[Any], num_results: int = 1
    ) -> list[Metadata]:
        """Return at most `num_results` readings of each recording, best first; see `stt_batch`."""
        recordings = [as_pcm(audio) for audio in audio_buffers]
        count = checked_count(num_results)
        with ThreadPoolExecutor(self.streams_at_a_time, "stt_batch") as pool:
            if self.takes_batches:
                heard: Iterable[FloatArray] = self.batch_probabilities(recordings)
                return list(pool.map(lambda rows: self._decode(rows, count), heard))
            return list(pool.map(lambda pcm: self.stt_with_metadata(pcm, count), recordings))

    @property
    def is_small(self) -> bool:
        """Whether streams take more of Python's time than of the acoustic model's."""
        engine = self._open_engine()
        return isinstance(engine, SizedEngine) and engine.is_small

    @property
    def streams_at_a_time(self) -> int:
        """How many streams to run at the same time, each in a thread, to get most done.

        As many as there are cores; more with models of which the engine takes the chunks of many
        streams together.
        """
        return self.streams_on(available_cores())

    def streams_on(self, cores: int) -> int:
        """Return `streams_at_a_time` where only so many cores should be used."""
        return streams_at_a_time(self._open_engine(), cores)

    @property
    def takes_batches(self) -> bool:
        """Whether `batch_probabilities` is faster than streams side by side."""
        return isinstance(self._engine, BatchEngine)

    def batch_probabilities(self, audio_buffers: Sequence[Any]) -> list[FloatArray]:
        """Return the probabilities of whole utterances, float32 `[frames, classes]` each.

        Args:
            audio_buffers: the utterances, each as `stt` takes it.

        Raises:
            AudioBufferError: one is something else.
            ModelError: the engine takes no batches, see `takes_batches`.
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

    # Upstream's names. They call, rather than alias, so that subclasses answer under both names.

    def sampleRate(self) -> int:
        """Return `sample_rate()`."""
        return self.sample_rate()

    def sttWithMetadata(self, audio_buffer: Any, num_results: int = 1) -> Metadata:
        """Return `stt_with_metadata(audio_buffer, num_results)`."""
        return self.stt_with_metadata(audio_buffer, num_results)

    def createStream(self) -> Stream:
        """Return `create_stream()`."""
        return self.create_stream()
