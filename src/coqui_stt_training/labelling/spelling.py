"""Normalizes texts, and finds the characters that a model cannot write."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from coqui_stt_ctcdecoder import Alphabet

from ..corpus.normalization import Normalizer


@dataclass(frozen=True)
class DeskSpelling:
    """The rules of one data set.

    Attributes:
        alphabet: alphabet of the model; None: all characters are allowed.
        normalize: whether texts are normalized for the alphabet.
    """

    alphabet: Alphabet | None = None
    normalize: bool = False

    def tidy(self, text: str) -> str:
        """Return a text as it is saved: on one line, in NFC, with single spaces."""
        plain = one_line(text)
        if self.normalize and self.alphabet is not None:
            return Normalizer(self.alphabet)(plain).text
        return plain

    def unwritable(self, text: str) -> list[str]:
        """Return the characters that the model cannot write, each once."""
        if self.alphabet is None:
            return []
        return list(dict.fromkeys(self.alphabet.unknown_characters(text)))


def one_line(text: str) -> str:
    """Return a text in NFC on one line, with single spaces and without control characters."""
    seen = "".join(
        " " if one.isspace() else one
        for one in unicodedata.normalize("NFC", text)
        if one.isspace() or unicodedata.category(one) != "Cc"
    )
    return " ".join(seen.split())
