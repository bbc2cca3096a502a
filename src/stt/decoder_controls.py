"""What a model decodes with, and how it is changed: beam width, scorer, hot words."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from coqui_stt_ctcdecoder import Scorer
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import DecodeError, UserError
from coqui_stt_ctcdecoder.hot_words import why_unwritable

from .decoding import DecoderSettings, DecoderStream
from .errors import ErrorCode, HotWordError, ScorerNotEnabledError, SttError
from .hub import fetch_scorer, is_hub_name

_log = logging.getLogger(__name__)


class DecoderControls:
    """The part of a model that says how it decodes; streams keep what they were made with.

    All methods may be called from many threads.
    """

    def _decode_with(self, alphabet: Alphabet, beam_width: int, step_seconds: float) -> None:
        """Begin with a model file's values, and without a scorer."""
        self._lock = threading.Lock()  # of the settings: replaced as a whole, never written to
        self._settings = DecoderSettings(alphabet, _checked_beam_width(beam_width), step_seconds)
        self._scorer_path: Path | None = None

    @property
    def alphabet(self) -> Alphabet:
        """The labels of the model."""
        return self._settings.alphabet

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
                    f"{word!r} is already a hot word; erase it first to change its boost",
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
                    f"{word!r} is not a hot word; hot words: {known}",
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

    def create_decoder_stream(self) -> DecoderStream:
        """Return the second half of a stream: from posteriors to readings."""
        return DecoderStream(self._settings)

    # Upstream's names. They call, rather than alias, so that subclasses answer under both names.
    # Three of them report by a number, 0 for success, as upstream's do; the others raise.

    def beamWidth(self) -> int:
        """Return `beam_width()`."""
        return self.beam_width()

    def setBeamWidth(self, beam_width: int) -> int:
        """Set how many readings the decoder keeps; return 0."""
        self.set_beam_width(beam_width)
        return 0

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
