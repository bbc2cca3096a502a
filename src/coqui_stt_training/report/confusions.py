"""Confusions of words and of characters, and calibration of confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .alignment import pairs
from .clips import ClipResult

NOTHING = ""  # the counterpart of a deleted or inserted character
_BINS = 10
_MOST_CHARACTERS = 32


@dataclass(frozen=True)
class Confusions:
    """Counts of word errors.

    Attributes:
        substitutions: counts of pairs (reference, hypothesis).
        deletions: counts of words that are only in the reference.
        insertions: counts of words that are only in the hypothesis.
    """

    substitutions: Counter[tuple[str, str]]
    deletions: Counter[str]
    insertions: Counter[str]


def word_confusions(clips: Iterable[ClipResult]) -> Confusions:
    """Count the word errors of clips."""
    found = Confusions(Counter(), Counter(), Counter())
    for clip in clips:
        words = clip.sample.src.split(), clip.sample.res.split()
        for letter, reference, hypothesis in pairs(clip.words, *words):
            if letter == "S":
                found.substitutions[str(reference), str(hypothesis)] += 1
            elif letter == "D":
                found.deletions[str(reference)] += 1
            elif letter == "I":
                found.insertions[str(hypothesis)] += 1
    return found


@dataclass(frozen=True)
class CharacterMatrix:
    """Confusion matrix of characters.

    Attributes:
        names: characters of the rows (reference) and columns (hypothesis); the last is `NOTHING`.
        counts: rows of counts.
        others: number of characters that are left out, those with the fewest errors.
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    others: int


def character_matrix(clips: Iterable[ClipResult]) -> CharacterMatrix:
    """Return the confusion matrix of the characters with the most errors, in Unicode order."""
    counts: Counter[tuple[str, str]] = Counter()
    for clip in clips:
        for _, reference, hypothesis in pairs(clip.characters, clip.sample.src, clip.sample.res):
            counts[reference or NOTHING, hypothesis or NOTHING] += 1
    errors: Counter[str] = Counter()
    for (reference, hypothesis), count in counts.items():
        for character in {reference, hypothesis} - {NOTHING}:
            errors[character] += count if reference != hypothesis else 0
    names = [*sorted(character for character, _ in errors.most_common(_MOST_CHARACTERS)), NOTHING]
    return CharacterMatrix(
        tuple(names),
        tuple(tuple(counts[reference, hypothesis] for hypothesis in names) for reference in names),
        len(errors) - len(names) + 1,
    )


@dataclass(frozen=True)
class Calibration:
    """Calibration of confidence: whether it equals accuracy.

    Attributes:
        bins: mean confidence, accuracy and number of words of each bin, by increasing confidence.
        error: mean distance of confidence and accuracy (expected calibration error).
    """

    bins: tuple[tuple[float, float, int], ...]
    error: float


def calibration(clips: Iterable[ClipResult]) -> Calibration | None:
    """Return the calibration of the words' confidence; None if no clip has confidences."""
    sums = [[0.0, 0, 0] for _ in range(_BINS)]
    for clip in clips:
        if not clip.confidences:
            continue
        right = [letter == "=" for letter in clip.words if letter != "D"]
        for sure, is_right in zip(clip.confidences, right, strict=False):
            one = sums[min(_BINS - 1, int(sure * _BINS))]
            one[0] += sure
            one[1] += is_right
            one[2] += 1
    total = sum(int(count) for _, _, count in sums)
    if not total:
        return None
    bins = tuple(
        (sure / max(1, count), right / max(1, count), int(count)) for sure, right, count in sums
    )
    error = sum(abs(sure - right) * count for sure, right, count in bins) / total
    return Calibration(bins, error)
