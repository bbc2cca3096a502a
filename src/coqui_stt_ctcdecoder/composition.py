"""Characters that alphabets write in parts: a letter and its accents, a syllable of Hangul.

Unicode has such characters in several spellings that mean the same: composed (its form NFC, which
all texts are brought to here), wholly decomposed (NFD), and some between. A vocabulary may be of
any of them: https://www.unicode.org/reports/tr15/.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence


class Spellings(dict[str, tuple[int, ...]]):
    """The labels that write labels and characters, found out when asked; none where they cannot.

    Args:
        indices: label in NFC -> its class.
    """

    def __init__(self, indices: Mapping[str, int]) -> None:
        super().__init__((label, (index,)) for label, index in indices.items())

    def __missing__(self, text: str) -> tuple[int, ...]:
        """Write a character part by part, or one with what is left of its accents."""
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
    """Return where the characters begin that texts, joined and brought to NFC, are made of.

    A text that changes with the one before it, as an accent does behind its letter, begins none.

    Args:
        texts: in NFC each.
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
