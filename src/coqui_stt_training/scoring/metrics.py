"""Word and character error rates.

An error rate is the edit distance (substitutions, deletions and insertions) from the reference,
divided by the length of the reference. With many insertions it exceeds 1. The length of an empty
reference counts as 1: a hypothesis of three words then has a word error rate of 3, an empty one
of 0.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

# Above this CER a model outputs almost only blanks; a head that learns is soon below.
DEAF_CER = 0.9


@dataclass(frozen=True)
class SampleResult:
    """Error rates of one clip. Names are those of upstream's `--test_output_file`.

    Attributes:
        wav_filename: the audio file.
        src: the reference.
        res: the hypothesis.
        loss: CTC loss of the reference.
        char_distance: edit distance in code points of Unicode normal form C.
        char_length: length of the reference in these code points.
        word_distance: edit distance in words, which are separated by white space.
        word_length: number of words in the reference.
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
    """Error rates of a set of clips, over all of its words and characters."""

    wer: float
    cer: float
    loss: float  # mean loss of the clips; NaN without clips


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
    """Return the error rates of a set: the sum of edit distances divided by the sum of lengths."""
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
