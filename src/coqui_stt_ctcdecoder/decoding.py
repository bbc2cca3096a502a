"""CTC beam search: from posteriors to text, with or without a scorer.

Posteriors are probabilities, float32 or float64; each row sums to one. The search computes in
float32, so float32 needs no conversion. The last class is the blank.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .alphabet import Alphabet
from .errors import DecodeError
from .hot_words import Boosts, as_text, spell, split_hot_words, writable
from .native import _native
from .scorer import Scorer

DEFAULT_BEAM_SIZE = 500
_NO_BOOSTS: dict[str, float] = {}


class DecodeResult(NamedTuple):
    """One hypothesis.

    Attributes:
        confidence: natural log score: the sum of acoustic model, language model and boosts.
        transcript: text of the hypothesis.
        tokens: class index of each label of the text.
        timesteps: frame, from 0, at which each token most likely begins.
    """

    confidence: float
    transcript: str
    tokens: list[int]
    timesteps: list[int]


def ctc_beam_search_decoder(
    probs_seq: ArrayLike,
    alphabet: Alphabet,
    beam_size: int = DEFAULT_BEAM_SIZE,
    cutoff_prob: float = 1.0,
    cutoff_top_n: int = 40,
    scorer: Scorer | None = None,
    hot_words: Boosts = _NO_BOOSTS,
    num_results: int = 1,
    hot_phrases: Boosts = _NO_BOOSTS,
) -> list[DecodeResult]:
    """Return the best hypotheses for one utterance, best first.

    Args:
        probs_seq: posteriors `[frames, classes]`.
        alphabet: the labels; `classes` is their number plus one.
        beam_size: number of prefixes kept after each frame.
        cutoff_prob: keep a frame's likeliest classes until they sum to this probability; 1: all.
        cutoff_top_n: most classes to keep of a frame; ignored if `cutoff_prob` is 1.
        scorer: language model; None decodes without one.
        hot_words: word -> boost. It is multiplied by the scorer's alpha and added to the log
            probability of every n-gram that contains the word, so that the following words are
            boosted too. Phrases with spaces and words unknown to the scorer are taken as
            `hot_phrases`. Words with characters outside the alphabet have no effect, and are warned
            of; so do single words without a scorer.
        num_results: highest number of hypotheses returned.
        hot_phrases: word or phrase -> boost in nats, added once per occurrence, with or without a
            scorer.

    Raises:
        DecodeError: the posteriors are not distributions over the alphabet, or bad settings.
    """
    return ctc_beam_search_decoder_for_wav2vec2am(
        probs_seq,
        alphabet,
        beam_size,
        cutoff_prob,
        cutoff_top_n,
        alphabet.blank,
        frozenset(),
        scorer,
        hot_words,
        num_results,
        hot_phrases,
    )


def ctc_beam_search_decoder_batch(
    probs_seq: ArrayLike,
    seq_lengths: Sequence[int] | NDArray[Any],
    alphabet: Alphabet,
    beam_size: int = DEFAULT_BEAM_SIZE,
    num_processes: int = 1,
    cutoff_prob: float = 1.0,
    cutoff_top_n: int = 40,
    scorer: Scorer | None = None,
    hot_words: Boosts = _NO_BOOSTS,
    num_results: int = 1,
    hot_phrases: Boosts = _NO_BOOSTS,
) -> list[list[DecodeResult]]:
    """Return the best hypotheses for each utterance of a batch, decoded in parallel.

    Args:
        probs_seq: posteriors `[batch, frames, classes]`; frames past an utterance's length are
            ignored.
        seq_lengths: number of frames of each utterance `[batch]`.
        alphabet: the labels; `classes` is their number plus one.
        beam_size: number of prefixes kept after each frame.
        num_processes: number of threads; they run without Python's global lock.
        cutoff_prob: keep a frame's likeliest classes until they sum to this probability; 1: all.
        cutoff_top_n: most classes to keep of a frame; ignored if `cutoff_prob` is 1.
        scorer: language model; None decodes without one.
        hot_words: word -> boost, times the scorer's alpha; see `ctc_beam_search_decoder`.
        num_results: highest number of hypotheses returned.
        hot_phrases: word or phrase -> boost in nats, added once per occurrence.

    Raises:
        DecodeError: as `ctc_beam_search_decoder`; names the utterance.
    """
    return ctc_beam_search_decoder_for_wav2vec2am_batch(
        probs_seq,
        seq_lengths,
        alphabet,
        beam_size,
        num_processes,
        cutoff_prob,
        cutoff_top_n,
        alphabet.blank,
        frozenset(),
        scorer,
        hot_words,
        num_results,
        hot_phrases,
    )


def ctc_beam_search_decoder_for_wav2vec2am(
    probs_seq: ArrayLike,
    alphabet: Alphabet,
    beam_size: int = DEFAULT_BEAM_SIZE,
    cutoff_prob: float = 1.0,
    cutoff_top_n: int = 40,
    blank_id: int = -1,
    ignored_symbols: Collection[int] = frozenset(),
    scorer: Scorer | None = None,
    hot_words: Boosts = _NO_BOOSTS,
    num_results: int = 1,
    hot_phrases: Boosts = _NO_BOOSTS,
) -> list[DecodeResult]:
    """Decode one utterance of a model whose alphabet contains the blank.

    Args:
        probs_seq: posteriors `[frames, classes]`, `classes` being the alphabet's size.
        alphabet: the labels, including the blank.
        beam_size: number of prefixes kept after each frame.
        cutoff_prob: keep a frame's likeliest classes until they sum to this probability; 1: all.
        cutoff_top_n: most classes to keep of a frame; ignored if `cutoff_prob` is 1.
        blank_id: class index of the blank; -1 is the last class.
        ignored_symbols: classes that are never written, such as padding.
        scorer: language model; None decodes without one.
        hot_words: word -> boost, times the scorer's alpha; see `ctc_beam_search_decoder`.
        num_results: highest number of hypotheses returned.
        hot_phrases: word or phrase -> boost in nats, added once per occurrence.

    Raises:
        DecodeError: as `ctc_beam_search_decoder`.
    """
    decoder = StreamingDecoder(
        alphabet,
        beam_size,
        cutoff_prob,
        cutoff_top_n,
        scorer,
        hot_words,
        hot_phrases,
        blank_id=blank_id,
        ignored_symbols=ignored_symbols,
    )
    probs = _as_array(probs_seq, 2)
    if len(probs) == 0:
        raise DecodeError("the posteriors have no frames, so there is nothing to decode")
    decoder.feed(probs)
    return decoder.decode(num_results)


def ctc_beam_search_decoder_for_wav2vec2am_batch(
    probs_seq: ArrayLike,
    seq_lengths: Sequence[int] | NDArray[Any],
    alphabet: Alphabet,
    beam_size: int = DEFAULT_BEAM_SIZE,
    num_threads: int = 1,
    cutoff_prob: float = 1.0,
    cutoff_top_n: int = 40,
    blank_id: int = -1,
    ignored_symbols: Collection[int] = frozenset(),
    scorer: Scorer | None = None,
    hot_words: Boosts = _NO_BOOSTS,
    num_results: int = 1,
    hot_phrases: Boosts = _NO_BOOSTS,
) -> list[list[DecodeResult]]:
    """Decode a batch of a model whose alphabet contains the blank, in parallel.

    Args:
        probs_seq: posteriors `[batch, frames, classes]`, `classes` being the alphabet's size;
            frames past an utterance's length are ignored.
        seq_lengths: number of frames of each utterance `[batch]`.
        alphabet: the labels, including the blank.
        beam_size: number of prefixes kept after each frame.
        num_threads: number of threads; they run without Python's global lock.
        cutoff_prob: keep a frame's likeliest classes until they sum to this probability; 1: all.
        cutoff_top_n: most classes to keep of a frame; ignored if `cutoff_prob` is 1.
        blank_id: class index of the blank; -1 is the last class.
        ignored_symbols: classes that are never written, such as padding.
        scorer: language model; None decodes without one.
        hot_words: word -> boost, times the scorer's alpha; see `ctc_beam_search_decoder`.
        num_results: highest number of hypotheses returned.
        hot_phrases: word or phrase -> boost in nats, added once per occurrence.

    Raises:
        DecodeError: as `ctc_beam_search_decoder`; names the utterance.
    """
    options = _options(
        alphabet,
        beam_size,
        cutoff_prob,
        cutoff_top_n,
        scorer,
        hot_words,
        hot_phrases,
        blank_id,
        ignored_symbols,
    )
    lengths = [int(length) for length in seq_lengths]
    empty = [index for index, length in enumerate(lengths) if length == 0]
    if empty:
        raise DecodeError(f"utterance {empty[0]} has no frames, so there is nothing to decode")
    if num_threads < 1:
        raise DecodeError(f"{num_threads} threads: must be at least 1")
    if not lengths:
        return []
    batch = _native.decode_batch(
        _as_array(probs_seq, 3),
        lengths,
        options,
        scorer.native if scorer is not None else None,
        num_results,
        num_threads,
    )
    return [[_result(alphabet, hypothesis) for hypothesis in results] for results in batch]


decode = ctc_beam_search_decoder
decode_batch = ctc_beam_search_decoder_batch


class StreamingDecoder:
    """A beam search that takes frames as they arrive, and returns its results at any time.

    Args:
        alphabet: the labels; `classes` is their number plus one.
        beam_size: number of prefixes kept after each frame.
        cutoff_prob: keep a frame's likeliest classes until they sum to this probability; 1: all.
        cutoff_top_n: most classes to keep of a frame; ignored if `cutoff_prob` is 1.
        scorer: language model; later changes of its alpha and beta have no effect. None decodes
            without one.
        hot_words: word -> boost, times the scorer's alpha; see `ctc_beam_search_decoder`.
        hot_phrases: word or phrase -> boost in nats, added once per occurrence.
        blank_id: class index of the blank; None is the class after the alphabet's last label.
        ignored_symbols: classes that are never written.

    Raises:
        DecodeError: a setting is out of range.
    """

    def __init__(
        self,
        alphabet: Alphabet,
        beam_size: int = DEFAULT_BEAM_SIZE,
        cutoff_prob: float = 1.0,
        cutoff_top_n: int = 40,
        scorer: Scorer | None = None,
        hot_words: Boosts = _NO_BOOSTS,
        hot_phrases: Boosts = _NO_BOOSTS,
        blank_id: int | None = None,
        ignored_symbols: Collection[int] = frozenset(),
    ) -> None:
        options = _options(
            alphabet,
            beam_size,
            cutoff_prob,
            cutoff_top_n,
            scorer,
            hot_words,
            hot_phrases,
            alphabet.blank if blank_id is None else blank_id,
            ignored_symbols,
        )
        self._alphabet = alphabet
        self._classes = options.classes
        self._search = _native.BeamSearch(options, scorer.native if scorer is not None else None)

    def feed(self, probs: ArrayLike) -> None:
        """Add frames of posteriors `[frames, classes]`; there may be none.

        Raises:
            DecodeError: a row is not a distribution over the alphabet.
        """
        array = _as_array(probs, 2)
        if len(array):
            self._search.feed(array, self._classes)

    def decode(self, num_results: int = 1) -> list[DecodeResult]:
        """Return the best hypotheses so far, best first. More frames may follow.

        Raises:
            DecodeError: `num_results` is below 1.
        """
        return [
            _result(self._alphabet, hypothesis) for hypothesis in self._search.decode(num_results)
        ]

    def copy(self) -> StreamingDecoder:
        """Return an independent copy of the search in its present state."""
        other = StreamingDecoder.__new__(StreamingDecoder)
        other.__dict__.update(self.__dict__)
        other._search = self._search.copy()
        return other

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return self._search.frames


class DecoderState:
    """`StreamingDecoder` with upstream's methods: `init`, `next`, `decode`."""

    def __init__(self) -> None:
        self._decoder: StreamingDecoder | None = None

    def init(
        self,
        alphabet: Alphabet,
        beam_size: int,
        cutoff_prob: float = 1.0,
        cutoff_top_n: int = 40,
        ext_scorer: Scorer | None = None,
        hot_words: Boosts = _NO_BOOSTS,
    ) -> int:
        """Start a search; return 0, upstream's code for success.

        Raises:
            DecodeError: a setting is out of range.
        """
        self._decoder = StreamingDecoder(
            alphabet, beam_size, cutoff_prob, cutoff_top_n, ext_scorer, hot_words
        )
        return 0

    def next(self, probs: ArrayLike) -> None:
        """Add frames of posteriors `[frames, classes]`.

        Raises:
            DecodeError: a row is not a distribution over the alphabet, or `init` was not called.
        """
        self._started().feed(probs)

    def decode(self, num_results: int = 1) -> list[DecodeResult]:
        """Return the best hypotheses so far, best first. More frames may follow.

        Raises:
            DecodeError: `num_results` is below 1, or `init` was not called.
        """
        return self._started().decode(num_results)

    def _started(self) -> StreamingDecoder:
        if self._decoder is None:
            raise DecodeError("call DecoderState.init before next and decode")
        return self._decoder


def _options(
    alphabet: Alphabet,
    beam_size: int,
    cutoff_prob: float,
    cutoff_top_n: int,
    scorer: Scorer | None,
    hot_words: Boosts,
    hot_phrases: Boosts,
    blank_id: int,
    ignored_symbols: Collection[int],
) -> _native.DecoderOptions:
    if scorer is not None and scorer.alphabet != alphabet:
        raise DecodeError(
            "the scorer was loaded with a different alphabet than that of the decoder; load it "
            "with the same one"
        )
    options = _native.DecoderOptions()
    options.classes = max(alphabet.size, blank_id + 1)
    options.blank = blank_id
    options.beam_size = _within_int64(beam_size, "beam_size")
    options.cutoff_prob = float(cutoff_prob)
    options.cutoff_top_n = _within_int64(cutoff_top_n, "cutoff_top_n")
    if scorer is not None:
        options.alpha, options.beta = scorer.alpha, scorer.beta
    options.space = alphabet.space_label
    options.is_bytes = alphabet.is_bytes
    ignored = set(ignored_symbols)
    options.ignored = [index in ignored for index in range(options.classes)]
    words, phrases = split_hot_words(as_text(hot_words), scorer)
    options.hot_words = [
        (alphabet.as_written(word).encode(), boost) for word, boost in words.items()
    ]
    phrases = writable(phrases, alphabet, scorer) | as_text(hot_phrases)
    options.hot_phrases = [
        _native.HotPhrase(spell(phrase, alphabet, scorer), boost)
        for phrase, boost in phrases.items()
    ]
    return options


def _within_int64(value: int, name: str) -> int:
    if not -(2**63) <= value < 2**63:
        raise DecodeError(f"{name} {value} is too large; it must fit into 64 bits")
    return int(value)


def _as_array(probs: ArrayLike, dimensions: int) -> NDArray[np.float32] | NDArray[np.float64]:
    shape = "[frames, classes]" if dimensions == 2 else "[batch, frames, classes]"
    try:
        array = np.asarray(probs)
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DecodeError(f"the posteriors are not an array {shape} of numbers: {error}") from None
    if array.size == 0 and array.ndim < dimensions:
        array = array.reshape((0,) * dimensions)
    if array.ndim != dimensions:
        raise DecodeError(
            f"the posteriors have the shape {list(array.shape)}, but {shape} is needed"
        )
    return np.ascontiguousarray(array)


def _result(alphabet: Alphabet, hypothesis: _native.Hypothesis) -> DecodeResult:
    tokens = hypothesis.tokens
    return DecodeResult(
        hypothesis.confidence, alphabet.decode(tokens), tokens, hypothesis.timesteps
    )
