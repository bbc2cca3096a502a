"""Hot words: split into words that a scorer can score and phrases; spelled with labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from .alphabet import Alphabet
from .errors import AlphabetError, DecodeError
from .scorer import Scorer

Boosts = Mapping[str, float] | Mapping[bytes, float] | Mapping[str | bytes, float]


def as_text(boosts: Boosts) -> dict[str, float]:
    """Return the boosts with their words as text; bytes are decoded."""
    return {
        word.decode() if isinstance(word, bytes) else word: float(boost)
        for word, boost in boosts.items()
    }


def split_hot_words(
    hot_words: dict[str, float], scorer: Scorer | None
) -> tuple[dict[str, float], dict[str, float]]:
    """Split hot words into words that the scorer scores by upstream's rule, and phrases."""
    if scorer is None:
        phrases = {word: boost for word, boost in hot_words.items() if " " in word.strip()}
        if len(phrases) < len(hot_words):
            warnings.warn(
                "hot words without a scorer have no effect; to boost them anyway, pass them as "
                "hot_phrases",
                stacklevel=5,
            )
        return {}, phrases
    if scorer.scores_characters():
        return {}, hot_words
    words = {word: boost for word, boost in hot_words.items() if scorer.knows(word)}
    return words, {word: boost for word, boost in hot_words.items() if word not in words}


class _UnwritableError(DecodeError):
    """A hot word cannot be spelled with the labels of the model and its scorer."""


def why_unwritable(word: str, alphabet: Alphabet, scorer: Scorer | None) -> str | None:
    """Return the reason why a hot word can never be decoded, or None.

    Raises:
        DecodeError: the hot word has no characters.
    """
    if scorer is not None and scorer.knows(word):
        return None
    try:
        spell(word, alphabet, scorer)
    except _UnwritableError as error:
        return str(error)
    return None


def writable(
    phrases: dict[str, float], alphabet: Alphabet, scorer: Scorer | None
) -> dict[str, float]:
    """Drop hot words that can never be decoded, with a warning; upstream gives none."""
    reasons = {phrase: why_unwritable(phrase, alphabet, scorer) for phrase in phrases}
    for reason in filter(None, reasons.values()):
        warnings.warn(f"{reason}; it has no effect", stacklevel=6)
    return {phrase: boost for phrase, boost in phrases.items() if not reasons[phrase]}


def spell(phrase: str, alphabet: Alphabet, scorer: Scorer | None) -> list[int]:
    """Return the labels of a hot word.

    Raises:
        DecodeError: the hot word has no characters, or some that can never be decoded.
    """
    text = " ".join(phrase.split())
    if not text:
        raise DecodeError(f"hot word {phrase!r} has no characters")
    try:
        labels = alphabet.encode(text)
    except AlphabetError as error:
        raise _UnwritableError(f"hot word {phrase!r} cannot be written: {error}") from None
    if scorer is not None and scorer.is_utf8_mode():
        unknown = [character for character in text if not scorer.knows(character)]
        if unknown:
            raise _UnwritableError(
                f"hot word {phrase!r} has characters that the scorer never writes: "
                f"{', '.join(map(repr, unknown))}; leave it out or use a scorer with them"
            )
    return labels
