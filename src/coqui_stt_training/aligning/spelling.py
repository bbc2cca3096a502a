"""Text in the labels of an acoustic model, split into units and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_ctcdecoder.alignment import ANYTHING

from ..corpus import Normalizer
from ..corpus.romanizer import Rewrite, read_utf8
from ..errors import UserError

LONGEST_UNIT_CHARACTERS = 120
_LARGEST_TEXT_BYTES = 1 << 28
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？؟।။])[\"'”’»)]*\s+|(?<=[。！？])|\n+")
_CLAUSE_END = re.compile(r"(?<=[,;:،؛、，])\s*")


@dataclass(frozen=True)
class SpelledWord:
    """A word in its original spelling, and its labels."""

    text: str
    labels: tuple[int, ...]


@dataclass(frozen=True)
class TextUnit:
    """A sentence or a part of one, which the aligner finds as a whole or not at all.

    Attributes:
        text: original text of the unit.
        words: words that have labels.
    """

    text: str
    words: tuple[SpelledWord, ...]

    @property
    def is_spelled(self) -> bool:
        """Whether the model can write half of its words; otherwise the unit would fit anywhere."""
        unknown = sum(set(word.labels) == {ANYTHING} for word in self.words)
        return bool(self.words) and 2 * unknown <= len(self.words)

    def labels(self, space: int) -> list[int]:
        """Return the labels of all words, separated by the label `space` unless it is negative."""
        labels: list[int] = []
        for word in self.words:
            if labels and space >= 0:
                labels.append(space)
            labels += word.labels
        return labels


@dataclass(frozen=True)
class Speller:
    """Encodes words in the labels of a model.

    Attributes:
        alphabet: alphabet of the model.
        rewrite: converts text to the alphabet's script.
    """

    alphabet: Alphabet
    rewrite: Rewrite = str

    def unit(self, text: str) -> TextUnit:
        """Return a text as one unit."""
        normalize = Normalizer(self.alphabet)
        words = (
            SpelledWord(word, self._labels(normalize(self.rewrite(word)).text))
            for word in text.split()
        )
        return TextUnit(" ".join(text.split()), tuple(word for word in words if word.labels))

    def _labels(self, text: str) -> tuple[int, ...]:
        """Return labels; a run of unknown letters or digits becomes one `ANYTHING`."""
        labels: list[int] = []
        for piece, known in self.alphabet.pieces(text):
            if known and not piece.isspace():
                labels += self.alphabet.encode(piece)
            elif not known and piece.isalnum() and labels[-1:] != [ANYTHING]:
                labels.append(ANYTHING)
        return tuple(labels)


def read_text(path: str | Path) -> str:
    """Return the text of a file.

    Raises:
        UserError: the file cannot be read, is too large or empty, or is not UTF-8.
    """
    text = read_utf8(Path(path), _LARGEST_TEXT_BYTES)
    if not text.strip():
        raise UserError(f"{path}: contains no text")
    return text


def split_text(text: str) -> list[str]:
    """Split a text into sentences, and long sentences at commas or else between words."""
    sentences = (part.strip() for part in _SENTENCE_END.split(text))
    return [piece for sentence in sentences if sentence for piece in _shorten(sentence)]


def _shorten(sentence: str) -> Iterator[str]:
    if len(sentence) <= LONGEST_UNIT_CHARACTERS:
        yield sentence
        return
    pieces = [word for clause in _CLAUSE_END.split(sentence) for word in _runs(clause)]
    piece = ""
    for part in pieces:
        if piece and len(piece) + len(part) >= LONGEST_UNIT_CHARACTERS:
            yield piece
            piece = ""
        piece = f"{piece} {part}" if piece else part
    if piece:
        yield piece


def _runs(clause: str) -> list[str]:
    """Return a clause, or its words if it is too long."""
    return [clause] if len(clause) <= LONGEST_UNIT_CHARACTERS else clause.split()
