"""Word and character error rates.

A rate is the edit distance (substitutions, deletions and insertions) to the reference, divided by
the reference's length. It is not clamped: a hypothesis with many insertions has a rate above 1. An
empty reference counts as length 1 where it is divided by, so that a hypothesis of three words for
it has a word error rate of 3, and an empty one of 0.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

# CER of a model that answers with hardly anything but blank; a head that learns is soon below.
DEAF_CER = 0.9


@dataclass(frozen=True)
class SampleResult:
    """How well one clip was recognised. Names are those of upstream's `--test_output_file`.

    Attributes:
        wav_filename: the audio file.
        src: the reference.
        res: the hypothesis.
        loss: CTC loss of the reference.
        char_distance: edit distance in code points of normal form C.
        char_length: of the reference, in the same.
        word_distance: edit distance in words, which are what blanks separate.
        word_length: of the reference, in words.
        cer: character error rate.
        wer: word error rate.
    """

    wav_filename: str
    src: str
    res: str
    loss: float
    char_distance: int
    char_length: int
    word_distance: int
    word_length: int
    cer: float
    wer: float


@dataclass(frozen=True)
class SetResult:
    """How well a set of clips was recognised: rates over all of its words and characters."""

    wer: float
    cer: float
    loss: float  # mean of the clips'; NaN for no clips


def score_sample(wav_filename: str, src: str, res: str, loss: float) -> SampleResult:
    """Compare a hypothesis `res` with its reference `src`."""
    reference, hypothesis = (unicodedata.normalize("NFC", text) for text in (src, res))
    words = reference.split()
    char_distance = Levenshtein.distance(reference, hypothesis)
    word_distance = Levenshtein.distance(words, hypothesis.split())
    return SampleResult(
        wav_filename=wav_filename,
        src=src,
        res=res,
        loss=float(loss),
        char_distance=char_distance,
        char_length=len(reference),
        word_distance=word_distance,
        word_length=len(words),
        cer=_rate(char_distance, len(reference)),
        wer=_rate(word_distance, len(words)),
    )


def score_set(samples: Sequence[SampleResult]) -> SetResult:
    """Return the rates over a set, long references weighing more than short ones."""
    return SetResult(
        wer=_rate(
            sum(sample.word_distance for sample in samples),
            sum(sample.word_length for sample in samples),
        ),
        cer=_rate(
            sum(sample.char_distance for sample in samples),
            sum(sample.char_length for sample in samples),
        ),
        loss=_mean([sample.loss for sample in samples]),
    )


def _rate(distance: int, length: int) -> float:
    return distance / max(1, length)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.nan
