"""What a model takes for what, and whether it knows: words, characters, confidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .alignment import pairs
from .clips import ClipResult

NOTHING = ""  # stands for what was deleted or inserted
_BINS = 10
_MOST_CHARACTERS = 32


@dataclass(frozen=True)
class Confusions:
    """How often what was taken for what.

    Attributes:
        substitutions: (reference, hypothesis) and how often.
        deletions: what was not heard.
        insertions: what was heard and not said.
    """

    substitutions: Counter[tuple[str, str]]
    deletions: Counter[str]
    insertions: Counter[str]


def word_confusions(clips: Iterable[ClipResult]) -> Confusions:
    """Return what words were taken for."""
    found = Confusions(Counter(), Counter(), Counter())
    for clip in clips:
        words = clip.sample.src.split(), clip.sample.res.split()
        for letter, said, heard in pairs(clip.words, *words):
            if letter == "S":
                found.substitutions[str(said), str(heard)] += 1
            elif letter == "D":
                found.deletions[str(said)] += 1
            elif letter == "I":
                found.insertions[str(heard)] += 1
    return found


@dataclass(frozen=True)
class CharacterMatrix:
    """How often which character was taken for which.

    Attributes:
        names: of rows (what was said) and columns (what was heard); `NOTHING` is the last.
        counts: rows of counts.
        others: characters that are left out, those with the fewest errors.
    """

    names: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    others: int


def character_matrix(clips: Iterable[ClipResult]) -> CharacterMatrix:
    """Return the matrix of the characters with the most errors, in their order in Unicode."""
    counts: Counter[tuple[str, str]] = Counter()
    for clip in clips:
        for _, said, heard in pairs(clip.characters, clip.sample.src, clip.sample.res):
            counts[said or NOTHING, heard or NOTHING] += 1
    errors: Counter[str] = Counter()
    for (said, heard), count in counts.items():
        for character in {said, heard} - {NOTHING}:
            errors[character] += count if said != heard else 0
    names = [*sorted(character for character, _ in errors.most_common(_MOST_CHARACTERS)), NOTHING]
    return CharacterMatrix(
        tuple(names),
        tuple(tuple(counts[said, heard] for heard in names) for said in names),
        len(errors) - len(names) + 1,
    )


@dataclass(frozen=True)
class Calibration:
    """Whether confidence is the share that is right.

    Attributes:
        bins: from 0 to 1: mean confidence, share that is right, and how many words.
        error: the mean distance of the two (expected calibration error).
    """

    bins: tuple[tuple[float, float, int], ...]
    error: float


def calibration(clips: Iterable[ClipResult]) -> Calibration | None:
    """Return how well the confidence of words is calibrated; None where there is none."""
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
