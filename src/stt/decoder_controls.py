"""The decoder settings of a model: beam width, scorer and hot words."""

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
    """The part of a model with its decoder settings. All methods are thread-safe.

    A stream keeps the settings that the model had when the stream was created.
    """

    def _decode_with(self, alphabet: Alphabet, beam_width: int, step_seconds: float) -> None:
        """Set the defaults of a model file, without a scorer."""
        self._lock = threading.Lock()  # for `_settings`, which is replaced and never modified
        self._settings = DecoderSettings(alphabet, _checked_beam_width(beam_width), step_seconds)
        self._scorer_path: Path | None = None

    @property
    def alphabet(self) -> Alphabet:
        """The labels of the model."""
        return self._settings.alphabet

    @property
    def step_seconds(self) -> float:
        """Time from one frame to the next, which is the unit of `TokenMetadata.timestep`."""
        return self._settings.step_seconds

    def beam_width(self) -> int:
        """Return the beam width; the default is that of the model file."""
        return self._settings.beam_width

    def set_beam_width(self, beam_width: int) -> None:
        """Set the beam width; a larger one is more accurate and slower.

        Raises:
            SttError: the beam width is not positive.
        """
        self._change(lambda settings: replace(settings, beam_width=_checked_beam_width(beam_width)))

    def enable_external_scorer(
        self, scorer_path: str | Path, alpha: float | None = None, beta: float | None = None
    ) -> None:
        """Decode with a scorer from now on.

        Args:
            scorer_path: path of the scorer, or `hf://owner/name` for that of a model on the hub.
            alpha: weight of the language model; None takes the one in the scorer.
            beta: bonus for each word; None takes the one in the scorer.

        Raises:
            SttError: the scorer is missing, broken, or not for the model's alphabet.
            HubError: the scorer cannot be downloaded from the hub.
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
        """Decode without a scorer from now on, and remove all hot words.

        Raises:
            ScorerNotEnabledError: there is no scorer.
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

        Existing streams keep their values.

        Raises:
            ScorerNotEnabledError: there is no scorer.
        """
        path = self._scorer_path
        if path is None:
            raise ScorerNotEnabledError("SetScorerAlphaBeta")
        scorer = self._load_scorer(path, alpha, beta)
        self._change(lambda settings: replace(settings, scorer=scorer))

    def add_hot_word(self, word: str, boost: float) -> None:
        """Boost a word, or suppress it with a negative boost.

        A word that cannot be spelled with the alphabet has no effect; this is logged as a warning.

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
        """Remove a hot word.

        Raises:
            ScorerNotEnabledError: there is no scorer.
            HotWordError: the word is not a hot word.
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
        """Remove all hot words.

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
        """Return the second half of a stream: from posteriors to hypotheses."""
        return DecoderStream(self._settings)

    # Upstream's names. They are calls instead of aliases, so that overrides in subclasses work.
    # Like upstream's, three of them return a status, 0 for success; the others raise.

    def beamWidth(self) -> int:
        """Return `beam_width()`."""
        return self.beam_width()

    def setBeamWidth(self, beam_width: int) -> int:
        """Set the beam width; return 0."""
        self.set_beam_width(beam_width)
        return 0

    def enableExternalScorer(self, scorer_path: str | Path) -> None:
        """Decode with a scorer from now on, like `enable_external_scorer`."""
        self.enable_external_scorer(scorer_path)

    def disableExternalScorer(self) -> int:
        """Decode without a scorer; return 0, or 0x2004 with a warning if there is none."""
        return _status(self.disable_external_scorer)

    def setScorerAlphaBeta(self, alpha: float, beta: float) -> int:
        """Set the scorer's weights; return 0, or 0x2004 with a warning if there is none."""
        return _status(lambda: self.set_scorer_alpha_beta(alpha, beta))

    def addHotWord(self, word: str, boost: float) -> None:
        """Boost a word, like `add_hot_word`."""
        self.add_hot_word(word, boost)

    def eraseHotWord(self, word: str) -> None:
        """Remove a hot word, like `erase_hot_word`."""
        self.erase_hot_word(word)

    def clearHotWords(self) -> None:
        """Remove all hot words, like `clear_hot_words`."""
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
