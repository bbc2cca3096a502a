"""Confidence of each word, with words as error rates count them."""

from __future__ import annotations

from collections.abc import Sequence

from stt.metadata import TokenMetadata
from stt.words import words_of


def word_confidences(tokens: Sequence[TokenMetadata]) -> tuple[float, ...]:
    """Return the confidence of each space-separated word, 0 to 1.

    Where several decoded words have no space between them, the lowest of their confidences counts.
    """
    found: list[float] = []
    for word in words_of(tokens):
        if word.spaced or not found:
            found.append(word.confidence)
        else:
            found[-1] = min(found[-1], word.confidence)
    return tuple(found)
