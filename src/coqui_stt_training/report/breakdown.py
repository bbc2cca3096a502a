"""Error rates of subsets: by duration, by the columns of the CSV file, and by word frequency."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .alignment import pairs
from .clips import ClipResult
from .confidence_intervals import Rate, Units, rate_of, units_of

_DURATION_EDGES_SECONDS = (1, 2, 4, 8, 16, 30)
_FREQUENCY_EDGES = (2, 4, 16, 64, 256)
_MOST_GROUPS = 40
_QUANTILES = 5
_SPEAKER_COLUMNS = ("speaker", "speaker_id", "client_id", "spk_id")


@dataclass(frozen=True)
class Group:
    """A subset of the clips.

    Attributes:
        name: range or value that the clips have in common.
        clips: number of clips.
        words: number of words in their references.
        wer: word error rate of the clips.
        cer: character error rate of the clips.
    """

    name: str
    clips: int
    words: int
    wer: Rate
    cer: Rate


@dataclass(frozen=True)
class WordGroup:
    """Words of about the same frequency in the references.

    Attributes:
        name: range of the frequency.
        words: number of different words.
        spoken: total number of occurrences.
        wrong: share of the occurrences that were substituted or deleted.
    """

    name: str
    words: int
    spoken: int
    wrong: float


@dataclass(frozen=True)
class Breakdown:
    """Error rates by one property; `left_out` counts the clips of groups that are not listed."""

    property: str
    groups: tuple[Group, ...]
    left_out: int = 0


def speakers_of(clips: Sequence[ClipResult]) -> list[str]:
    """Return the speaker of each clip, empty if unknown."""
    return [
        next((clip.columns[name] for name in _SPEAKER_COLUMNS if clip.columns.get(name)), "")
        for clip in clips
    ]


def rates(clips: Sequence[ClipResult], units: Units | None = None) -> tuple[Rate, Rate]:
    """Return the word and the character error rate of clips, with intervals.

    Args:
        clips: clips to score.
        units: units of the bootstrap; None: speakers if enough are known, otherwise clips.
    """
    units = units or units_of(speakers_of(clips))
    samples = [clip.sample for clip in clips]
    word, char = (
        (
            np.array([getattr(one, f"{kind}_distance") for one in samples], np.int64),
            np.array([getattr(one, f"{kind}_length") for one in samples], np.int64),
        )
        for kind in ("word", "char")
    )
    return rate_of(*word, units), rate_of(*char, units)


def by_duration(clips: Sequence[ClipResult]) -> Breakdown | None:
    """Return error rates by the duration of the clips; None if no duration is known."""
    known = [clip for clip in clips if clip.duration_seconds is not None]
    if not known:
        return None
    names = [name for _, name in _ranges(_DURATION_EDGES_SECONDS, " s")]

    def name_of(clip: ClipResult) -> str:
        seconds = clip.duration_seconds or 0.0
        return names[sum(seconds >= edge for edge in _DURATION_EDGES_SECONDS)]

    return _grouped("Duration", known, name_of, names)


def by_columns(clips: Sequence[ClipResult]) -> list[Breakdown]:
    """Return error rates by each column in which the clips differ.

    A column of many different numbers is split into fifths. Of other columns with many values, only
    those with the most words are listed, and the remaining clips are counted.
    """
    found = []
    for name in sorted({name for clip in clips for name in clip.columns}):
        values = Counter(clip.columns.get(name, "") for clip in clips)
        all_differ = len(values) == len(clips) > _MOST_GROUPS and not _numeric(values)
        if len(values) < 2 or all_differ:
            continue  # the column does not group clips
        found.append(_by_column(name, clips, values))
    return found


def _by_column(name: str, clips: Sequence[ClipResult], values: Mapping[str, int]) -> Breakdown:
    def value_of(clip: ClipResult) -> str:
        return clip.columns.get(name, "") or "(empty)"

    if len(values) > _MOST_GROUPS and _numeric(values):
        numbers = np.array([float(clip.columns[name]) for clip in clips])
        edges = np.unique(np.quantile(numbers, np.arange(1, _QUANTILES) / _QUANTILES))
        names = [text for _, text in _ranges([float(edge) for edge in edges], "")]
        return _grouped(
            name, clips, lambda clip: names[int((edges <= float(clip.columns[name])).sum())], names
        )
    said: Counter[str] = Counter()
    for clip in clips:
        said[value_of(clip)] += max(1, clip.sample.word_length)
    listed = [value for value, _ in said.most_common(_MOST_GROUPS)]
    chosen = set(listed)
    shown = [clip for clip in clips if value_of(clip) in chosen]
    whole = _grouped(name, shown, value_of, sorted(listed))
    return Breakdown(whole.property, whole.groups, len(clips) - len(shown))


def by_word_frequency(clips: Sequence[ClipResult]) -> list[WordGroup]:
    """Return the share of wrong words by their frequency in the references."""
    spoken: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for clip in clips:
        reference = clip.sample.src.split()
        spoken.update(reference)
        for letter, word, _ in pairs(clip.words, reference, clip.sample.res.split()):
            if letter in "SD" and word is not None:
                wrong[word] += 1
    groups = []
    for (low, high), name in _ranges(_FREQUENCY_EDGES, "×", whole=True):
        words = [word for word, count in spoken.items() if low <= count < high]
        total = sum(spoken[word] for word in words)
        if total:
            share = sum(wrong[word] for word in words) / total
            groups.append(WordGroup(name, len(words), total, share))
    return groups


def _grouped(
    name: str,
    clips: Sequence[ClipResult],
    name_of: Callable[[ClipResult], str],
    order: Sequence[str],
) -> Breakdown:
    members: dict[str, list[ClipResult]] = {}
    for clip in clips:
        members.setdefault(name_of(clip), []).append(clip)
    groups = []
    for value in order:
        if some := members.get(value):
            words = sum(clip.sample.word_length for clip in some)
            groups.append(Group(value, len(some), words, *rates(some)))
    return Breakdown(name, tuple(groups))


def _ranges(
    edges: Sequence[float], unit: str, *, whole: bool = False
) -> Iterator[tuple[tuple[float, float], str]]:
    """Yield the ranges between the edges, and their names."""
    bounds = [-math.inf, *edges, math.inf]
    for low, high in pairwise(bounds):
        last = high - 1 if whole else high
        if low == -math.inf:
            text = f"{last:g}{unit}" if whole and last == 1 else f"under {high:g}{unit}"
        elif high == math.inf:
            text = f"{low:g}{unit} and more"
        else:
            text = f"{low:g} to {last:g}{unit}"
        yield (low, high), text


def _numeric(values: Mapping[str, Any]) -> bool:
    try:
        return all(math.isfinite(float(value)) for value in values)
    except ValueError:
        return False
