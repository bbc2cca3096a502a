"""Models: what speech is transcribed with."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

from coqui_stt_ctcdecoder import Scorer
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.decoding import why_unwritable
from coqui_stt_ctcdecoder.errors import DecodeError, UserError

from .audio.pcm import as_pcm
from .decoding import DecoderSettings, DecoderStream
from .engines import (
    CREATE_MODEL,
    AcousticStream,
    BatchEngine,
    Engine,
    FloatArray,
    open_engine,
    streams_at_a_time,
)
from .engines.utterance import UtteranceEngine
from .errors import (
    ErrorCode,
    HotWordError,
    LatencyError,
    ModelError,
    ScorerNotEnabledError,
    SttError,
)
from .hub import fetch_scorer, is_hub_name
from .metadata import Metadata
from .stream import Stream, checked_count

_log = logging.getLogger(__name__)


class Model:
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
        cores = os.cpu_count() or 1
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
        self._lock = threading.Lock()  # of the settings: replaced as a whole, never written to
        self._settings = DecoderSettings(
            info.alphabet, _checked_beam_width(info.beam_width), info.step_seconds
        )
        self._scorer_path: Path | None = None

    @property
    def alphabet(self) -> Alphabet:
        """The labels of the model."""
        return self._settings.alphabet

    @property
    def language(self) -> str:
        """The language the model file names, a BCP 47 tag, or empty."""
        return self._open_engine().info.language

    @property
    def step_seconds(self) -> float:
        """Time from one frame to the next: the unit of `TokenMetadata.timestep`."""
        return self._settings.step_seconds

    def beam_width(self) -> int:
        """Return how many readings the decoder keeps; the model file's value unless it was set."""
        return self._settings.beam_width

    def set_beam_width(self, beam_width: int) -> None:
        """Set how many readings the decoder keeps: more are better and slower.

        Raises:
            SttError: not a positive number.
        """
        self._change(lambda settings: replace(settings, beam_width=_checked_beam_width(beam_width)))

    def set_live_latency(self, seconds: float) -> None:
        """Say how late a live stream may be, those that are created from now on.

        Models of whole clips hear the seconds before again with each new piece: the longer it may
        be, the less often. Others hear as one speaks.

        Raises:
            ValueError: too short or too long, or the model hears as one speaks.
        """
        engine = self._open_engine()
        if not isinstance(engine, UtteranceEngine):
            raise LatencyError("this model hears as one speaks, and is never later; leave it out")
        try:
            engine.set_live_latency(seconds)
        except ValueError as error:
            raise LatencyError(str(error)) from None

    def sample_rate(self) -> int:
        """Return the sample rate the model wants, in Hz."""
        return self._sample_rate_hz

    def enable_external_scorer(
        self, scorer_path: str | Path, alpha: float | None = None, beta: float | None = None
    ) -> None:
        """Decode with a scorer from now on.

        Args:
            scorer_path: the file, or `hf://owner/name` for that of a model on the hub.
            alpha: the weight of the language model; None: what stands in the scorer.
            beta: the bonus for each word; None: likewise.

        Raises:
            SttError: the scorer is missing, broken, or not for the model's alphabet.
            HubError: it cannot be had from the hub.
        """
        path = fetch_scorer(scorer_path) if is_hub_name(scorer_path) else Path(scorer_path)
        scorer = self._load_scorer(path, alpha, beta)
        self._scorer_path = path
        self._change(lambda settings: replace(settings, scorer=scorer))

    def _load_scorer(self, path: Path, alpha: float | None, beta: float | None) -> Scorer:
        try:
            return Scorer(alpha, beta, str(path), self.alphabet)
        except UserError as error:
            reason = str(error) if str(path) in str(error) else f"{path}: {error}"
            raise SttError("EnableExternalScorer", ErrorCode.INVALID_SCORER, reason) from None

    def disable_external_scorer(self) -> None:
        """Decode without a scorer from now on; hot words are forgotten.

        Raises:
            ScorerNotEnabledError: there is none.
        """

        def without(settings: DecoderSettings) -> DecoderSettings:
            _require_scorer(settings, "DisableExternalScorer")
            return replace(settings, scorer=None, hot_words={})

        self._change(without)
        self._scorer_path = None

    def scorer_alpha_beta(self) -> tuple[float, float]:
        """Return the weight of the language model and the bonus for each word.

        Raises:
            ScorerNotEnabledError: there is no scorer.
        """
        scorer = self._settings.scorer
        if scorer is None:
            raise ScorerNotEnabledError("GetScorerAlphaBeta")
        return scorer.alpha, scorer.beta

    def set_scorer_alpha_beta(self, alpha: float, beta: float) -> None:
        """Set the weight of the language model and the bonus for each word.

        Streams that exist keep the values they were made with.

        Raises:
            ScorerNotEnabledError: there is no scorer.
        """
        path = self._scorer_path
        if path is None:
            raise ScorerNotEnabledError("SetScorerAlphaBeta")
        scorer = self._load_scorer(path, alpha, beta)
        self._change(lambda settings: replace(settings, scorer=scorer))

    def add_hot_word(self, word: str, boost: float) -> None:
        """Make a word likelier (positive boost) or less likely (negative).

        One that cannot be written with the alphabet has no effect, and the log says so.

        Raises:
            ScorerNotEnabledError: there is no scorer.
            HotWordError: the word was added before, or has no characters.
        """

        def added(settings: DecoderSettings) -> Mapping[str, float]:
            if word in settings.hot_words:
                raise HotWordError(
                    "AddHotWord",
                    ErrorCode.FAIL_INSERT_HOTWORD,
                    f"{word!r} is a hot word already; erase it first to change its boost",
                )
            try:
                DecoderStream(replace(settings, hot_words={word: float(boost)}))
            except DecodeError as error:
                raise HotWordError(
                    "AddHotWord", ErrorCode.FAIL_INSERT_HOTWORD, str(error)
                ) from None
            reason = why_unwritable(word, settings.alphabet, settings.scorer)
            if reason:
                _log.warning("%s; it has no effect", reason)
            return {**settings.hot_words, word: float(boost)}

        self._change_hot_words("AddHotWord", added)

    def erase_hot_word(self, word: str) -> None:
        """Forget a hot word.

        Raises:
            ScorerNotEnabledError: there is no scorer.
            HotWordError: it is no hot word.
        """

        def erased(settings: DecoderSettings) -> Mapping[str, float]:
            if word not in settings.hot_words:
                known = ", ".join(map(repr, settings.hot_words)) or "none"
                raise HotWordError(
                    "EraseHotWord",
                    ErrorCode.FAIL_ERASE_HOTWORD,
                    f"{word!r} is no hot word; there are: {known}",
                )
            return {key: boost for key, boost in settings.hot_words.items() if key != word}

        self._change_hot_words("EraseHotWord", erased)

    def clear_hot_words(self) -> None:
        """Forget all hot words.

        Raises:
            ScorerNotEnabledError: there is no scorer.
        """
        self._change_hot_words("ClearHotWords", lambda settings: {})

    def _change_hot_words(
        self, operation: str, change: Callable[[DecoderSettings], Mapping[str, float]]
    ) -> None:
        def changed(settings: DecoderSettings) -> DecoderSettings:
            _require_scorer(settings, operation)
            return replace(settings, hot_words=change(settings))

        self._change(changed)

    def _change(self, change: Callable[[DecoderSettings], DecoderSettings]) -> None:
        with self._lock:
            self._settings = change(self._settings)

    def create_stream(self) -> Stream:
        """Return a stream: an utterance to be fed piece by piece."""
        return Stream(self.create_acoustic_stream(), self.create_decoder_stream())

    def create_acoustic_stream(self) -> AcousticStream:
        """Return the first half of a stream: from samples to probabilities."""
        return self._open_engine().open_stream()

    def create_decoder_stream(self) -> DecoderStream:
        """Return the second half of a stream: from probabilities to readings."""
        return DecoderStream(self._settings)

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
        return self._decode(self._open_engine().hear(samples), count)

    def _decode(self, probabilities: FloatArray, count: int) -> Metadata:
        decoder = self.create_decoder_stream()
        decoder.feed(probabilities)
        return decoder.decode(count)

    def probabilities(self, audio_buffer: Any) -> FloatArray:
        """Return the probabilities of audio, float32 `[frames, classes]`; see `stt`."""
        return self._open_engine().hear(as_pcm(audio_buffer))

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
    def streams_at_a_time(self) -> int:
        """How many streams to run at the same time, each in a thread, to get most done.

        As many as there are cores; more with models of which the engine takes the chunks of many
        streams together.
        """
        return streams_at_a_time(self._open_engine())

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
                "RunBatch", ErrorCode.FAIL_RUN_SESS, "only checkpoints take batches; use streams"
            )
        return engine.hear_batch([as_pcm(audio) for audio in audio_buffers])

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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Upstream's names. They call, rather than alias, so that subclasses answer under both names.
    # Three of them report by a number, 0 for success, as upstream's do; the others raise.

    def beamWidth(self) -> int:
        """Return `beam_width()`."""
        return self.beam_width()

    def setBeamWidth(self, beam_width: int) -> int:
        """Set how many readings the decoder keeps; return 0."""
        self.set_beam_width(beam_width)
        return 0

    def sampleRate(self) -> int:
        """Return `sample_rate()`."""
        return self.sample_rate()

    def enableExternalScorer(self, scorer_path: str | Path) -> None:
        """Decode with a scorer from now on, like `enable_external_scorer`."""
        self.enable_external_scorer(scorer_path)

    def disableExternalScorer(self) -> int:
        """Decode without a scorer; return 0, or 0x2004 (and log why) where there is none."""
        return _status(self.disable_external_scorer)

    def setScorerAlphaBeta(self, alpha: float, beta: float) -> int:
        """Set the scorer's weights; return 0, or 0x2004 (and log why) where there is none."""
        return _status(lambda: self.set_scorer_alpha_beta(alpha, beta))

    def addHotWord(self, word: str, boost: float) -> None:
        """Make a word likelier, like `add_hot_word`."""
        self.add_hot_word(word, boost)

    def eraseHotWord(self, word: str) -> None:
        """Forget a hot word, like `erase_hot_word`."""
        self.erase_hot_word(word)

    def clearHotWords(self) -> None:
        """Forget all hot words, like `clear_hot_words`."""
        self.clear_hot_words()

    def sttWithMetadata(self, audio_buffer: Any, num_results: int = 1) -> Metadata:
        """Return `stt_with_metadata(audio_buffer, num_results)`."""
        return self.stt_with_metadata(audio_buffer, num_results)

    def createStream(self) -> Stream:
        """Return `create_stream()`."""
        return self.create_stream()


def _status(operation: Callable[[], None]) -> int:
    try:
        operation()
    except ScorerNotEnabledError as error:
        _log.warning("%s", error)
        return int(error.code)
    return 0


def _require_scorer(settings: DecoderSettings, operation: str) -> None:
    if settings.scorer is None:
        raise ScorerNotEnabledError(operation)


def _checked_beam_width(beam_width: int) -> int:
    if beam_width < 1:
        raise SttError(
            "SetModelBeamWidth",
            ErrorCode.MODEL_INCOMPATIBLE,
            f"the beam width is {beam_width}; it must be at least 1",
        )
    return int(beam_width)
