"""Encoding of text as labels, and edit distance."""

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
        transcript: text to encode.
        alphabet: alphabet with the labels.
        context: source of the transcript, for messages.

    Raises:
        AlphabetError: characters have no label; the message names all of them.
        CorpusError: the transcript is empty.
    """
    if not transcript:
        raise CorpusError(f"{context or 'a sample'}: the transcript is empty")
    return alphabet.encode(transcript)


def levenshtein(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Return the edit distance between two sequences of characters or words."""
    return Levenshtein.distance(a, b)
