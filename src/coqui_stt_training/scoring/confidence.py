"""How sure a model is of each word, as words are counted in error rates."""

from __future__ import annotations

from collections.abc import Sequence

from stt.metadata import TokenMetadata
from stt.words import words_of


def word_confidences(tokens: Sequence[TokenMetadata]) -> tuple[float, ...]:
    """Return how sure each word is that blanks separate; of several without one between, the
    least sure.
    """
    found: list[float] = []
    for word in words_of(tokens):
        if word.spaced or not found:
            found.append(word.confidence)
        else:
            found[-1] = min(found[-1], word.confidence)
    return tuple(found)
