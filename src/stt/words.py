"""Words: tokens put together, with times and confidences."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .metadata import TokenMetadata

_LETTER_LAG_SECONDS = 0.06  # by which a letter after a space is heard late, at most


@dataclass(frozen=True)
class Word:
    """One word of a transcript.

    Attributes:
        text: without spaces.
        start_time: when it begins, in seconds.
        end_time: when it ends, in seconds.
        confidence: geometric mean of its characters' probabilities, 0 to 1.
        spaced: whether a space stands before it, where it is not the first.
        after_pause: whether nobody spoke before it; times alone may not show that.
    """

    text: str
    start_time: float
    end_time: float
    confidence: float
    spaced: bool = True
    after_pause: bool = False

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end_time - self.start_time

    def shifted(self, seconds: float) -> Word:
        """Return the same word, so much later."""
        return replace(self, start_time=self.start_time + seconds, end_time=self.end_time + seconds)


def words_of(tokens: Sequence[TokenMetadata]) -> list[Word]:
    """Return the words that tokens spell.

    Words end at spaces, before and after each character of scripts that write none (Chinese,
    Japanese, Thai, ...), and at the end.

    A model hears a space in the middle of where one word goes over into the next, and the first
    letter of a word some frames after it began. So words meet in the middle of the space, unless
    the letter comes much later: then there was a pause. The last word ends when its last letter is
    not heard any more. (Upstream's words begin with their first letter, and end with the start of
    the space, or of the last letter.)
    """
    words: list[Word] = []
    letters: list[TokenMetadata] = []
    spaced = True
    earliest_start: float | None = None  # the middle of the space before

    def close(end_time: float) -> None:
        if letters:
            start_time = letters[0].start_time
            if earliest_start is not None:
                start_time = max(earliest_start, start_time - _LETTER_LAG_SECONDS)
            words.append(_word(letters, start_time, end_time, spaced))
            letters.clear()

    for token in tokens:
        if token.text.isspace():
            middle = token.start_time + token.duration / 2
            close(middle)
            spaced, earliest_start = True, middle
            continue
        if letters and (_stands_alone(token.text) or _stands_alone(letters[-1].text)):
            close(token.start_time)
            spaced, earliest_start = False, None
        letters.append(token)
    if tokens:
        close(tokens[-1].start_time + tokens[-1].duration)
    return words


def join_words(words: Iterable[Word]) -> str:
    """Return the text of words, with spaces where the language writes them."""
    text = ""
    for word in words:
        text += (" " if word.spaced and text else "") + word.text
    return text


def _word(
    letters: Sequence[TokenMetadata], start_time: float, end_time: float, spaced: bool
) -> Word:
    logs = [math.log(max(letter.confidence, 1e-7)) for letter in letters]
    return Word(
        text="".join(letter.text for letter in letters),
        start_time=start_time,
        end_time=end_time,
        confidence=math.exp(sum(logs) / len(logs)),
        spaced=spaced,
    )


_UNSPACED_SCRIPTS = ("CJK ", "HIRAGANA", "KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR", "TIBETAN")


def is_unspaced(texts: Iterable[str]) -> bool:
    """Say whether most letters of texts are of scripts that put no spaces between words."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    return 2 * sum(map(_stands_alone, letters)) > len(letters)


def _stands_alone(character: str) -> bool:
    return not character.isascii() and unicodedata.name(character[0], "").startswith(
        _UNSPACED_SCRIPTS
    )
