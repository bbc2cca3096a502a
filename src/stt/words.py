"""Joins tokens to words with times and confidences."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .metadata import TokenMetadata

_LETTER_LAG_SECONDS = 0.06  # longest delay of the first letter after a space


@dataclass(frozen=True)
class Word:
    """One word of a transcript.

    Attributes:
        text: text of the word, without spaces.
        start_time: start of the word in seconds.
        end_time: end of the word in seconds.
        confidence: geometric mean of the probabilities of its characters, 0 to 1.
        spaced: whether a space precedes the word, unless it is the first one.
        after_pause: whether a pause precedes the word, even if the times do not show it.
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
        """Return the word with its times moved by `seconds`."""
        return replace(self, start_time=self.start_time + seconds, end_time=self.end_time + seconds)


def words_of(tokens: Sequence[TokenMetadata]) -> list[Word]:
    """Return the words that tokens spell.

    Words end at spaces. In scripts without spaces (Chinese, Japanese, Thai, ...) each character is
    a word.

    A model outputs a space in the middle of the transition between two words, and the first letter
    of a word some frames after the word began. So one word ends and the next begins in the middle
    of the space. If the first letter comes much later, there was a pause, and the next word begins
    shortly before the letter. The last word ends when its last letter becomes unlikely. (Upstream's
    words begin with their first letter, and end with the start of the space, or of the last
    letter.)
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
    """Whether most letters of the texts are of scripts without spaces between words."""
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    return 2 * sum(map(_stands_alone, letters)) > len(letters)


def _stands_alone(character: str) -> bool:
    return not character.isascii() and unicodedata.name(character[0], "").startswith(
        _UNSPACED_SCRIPTS
    )
