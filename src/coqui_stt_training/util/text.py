"""Texts as labels, and how far two of them are apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from rapidfuzz.distance import Levenshtein

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet

from ..errors import CorpusError
from .evaluate_tools import wer_cer_batch
from .importers import validate_label_eng as validate_label

__all__ = [
    "Alphabet",
    "UTF8Alphabet",
    "levenshtein",
    "text_to_char_array",
    "validate_label",
    "wer_cer_batch",
]


def text_to_char_array(transcript: str, alphabet: Alphabet, context: str = "") -> list[int]:
    """Return the class indices of a transcript.

    Args:
        transcript: the text.
        alphabet: the labels.
        context: where the transcript comes from, for messages.

    Raises:
        AlphabetError: characters without a label, all of them named.
        CorpusError: the transcript is empty.
    """
    if not transcript:
        raise CorpusError(f"{context or 'a sample'}: the transcript is empty")
    return alphabet.encode(transcript)


def levenshtein(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return how many items to insert, remove or replace to make `b` of `a`: letters or words."""
    return Levenshtein.distance(a, b)
