"""Characters that alphabets encode in parts: a letter and its accents, a syllable of Hangul.

Unicode has several equivalent spellings of such characters: composed (NFC, to which all texts are
normalised here), fully decomposed (NFD), and forms in between. An alphabet may use any of them. See
https://www.unicode.org/reports/tr15/.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence


class Spellings(dict[str, tuple[int, ...]]):
    """Cache: label or character -> class indices of its labels; () if it cannot be encoded.

    Args:
        indices: label in NFC -> its class index.
    """

    def __init__(self, indices: Mapping[str, int]) -> None:
        super().__init__((label, (index,)) for label, index in indices.items())

    def __missing__(self, text: str) -> tuple[int, ...]:
        """Encode one part of a character by itself, from the last one on, and the rest alike."""
        parts = unicodedata.normalize("NFD", text)
        for place in range(len(parts) - 1, 0, -1):
            part = self[parts[place]]
            rest = part and self[unicodedata.normalize("NFC", parts[:place] + parts[place + 1 :])]
            if rest:
                self[text] = (*rest, *part)
                return self[text]
        self[text] = ()
        return ()


def composed_starts(texts: Sequence[str]) -> list[int]:
    """Return the indices of the texts at which a character begins, once all are joined in NFC.

    A text that NFC merges into the text before it, as an accent into its letter, begins none.

    Args:
        texts: pieces of a text, each in NFC.
    """
    starts: list[int] = []
    before = ""
    for index, text in enumerate(texts):
        joined = unicodedata.normalize("NFC", before + text)
        if before and joined != before + text:
            before = joined
        else:
            starts.append(index)
            before = text
    return starts
