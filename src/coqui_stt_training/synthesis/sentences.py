"""The sentences of a text that are spoken, their transcripts, and their speaking styles."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet

from ..errors import FlagError, UserError
from ..importing.labels import LabelFilter, corpus_alphabet
from ..lm.text import Case, read_lines
from .synthesiser import SpeakingStyle


@dataclass(frozen=True)
class Sentence:
    """A sentence: the text to speak, with punctuation, and its transcript."""

    spoken: str
    transcript: str


@dataclass(frozen=True)
class Chosen:
    """The sentences to speak, and the number of sentences left out for each reason."""

    sentences: Sequence[Sentence]
    left_out: Counter[str]


def read_sentences(paths: Sequence[str]) -> list[str]:
    """Return the lines of text files, each once.

    Raises:
        FlagError: a file is missing, damaged or not UTF-8, or the files contain no words.
    """
    try:
        lines = dict.fromkeys(read_lines([Path(path) for path in paths], Case.KEPT))
    except UserError as error:
        raise FlagError(str(error).replace("--input_txt", "--text")) from None
    lines.pop("", None)
    if not lines:
        raise FlagError(f"--text {' '.join(paths)}: no words found")
    return list(lines)


def choose_sentences(
    lines: Sequence[str], alphabet: Alphabet | None, max_characters: int, limit: int, seed: int
) -> Chosen:
    """Return the sentences that the alphabet can write, in the order of the text.

    Args:
        lines: lines of the text.
        alphabet: alphabet of the transcripts; None: the letters of the text.
        max_characters: longest transcript that is kept.
        limit: number of sentences to draw at random; 0: all.
        seed: seed of that draw.
    """
    alphabet = alphabet or corpus_alphabet(lines, "drop")
    label = LabelFilter(alphabet, "keep" if _has_digits(alphabet) else "drop")
    left_out: Counter[str] = Counter()
    sentences: dict[str, Sentence] = {}
    for line in lines:
        found = label(line)
        if found.dropped:
            left_out[found.dropped] += 1
        elif len(found.text) > max_characters:
            left_out[f"are longer than {max_characters} characters"] += 1
        elif found.text in sentences:
            left_out["are duplicates"] += 1
        else:
            sentences[found.text] = Sentence(line, found.text)
    chosen = list(sentences.values())
    if limit and limit < len(chosen):
        drawn = random.Random(seed).sample(range(len(chosen)), limit)
        left_out["were not chosen (--limit)"] = len(chosen) - limit
        chosen = [chosen[index] for index in sorted(drawn)]
    return Chosen(chosen, left_out)


def _has_digits(alphabet: Alphabet) -> bool:
    return any(label.isdigit() for label in alphabet.labels)


def draw_style(
    sentence: Sentence, take: int, voices: Sequence[str], speeds: tuple[float, float], seed: int
) -> SpeakingStyle:
    """Return a random speaking style, which depends on nothing but the arguments.

    Args:
        sentence: the sentence.
        take: index of the take of this sentence, from 0.
        voices: voices to draw from; takes of a sentence repeat no voice until all are used.
        speeds: lowest and highest speed.
        seed: seed of all draws.
    """
    order = _random(seed, sentence.transcript).sample(list(voices), len(voices))
    chance = _random(seed, take, sentence.transcript)
    return SpeakingStyle(
        order[take % len(order)], round(chance.uniform(*speeds), 3), round(chance.uniform(-1, 1), 3)
    )


def _random(*parts: object) -> random.Random:
    return random.Random(digest_of(parts))


def digest_of(parts: Iterable[object]) -> str:
    """Return 16 hexadecimal digits of a hash of some values."""
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]
