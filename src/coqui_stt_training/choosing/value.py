"""The value of transcribing a clip, given the transcripts that exist.

    value = (1 - confidence) * sum over the clip's trigrams of 1 / 2 ** (times seen) / seconds

A clip is valuable if the model is unsure of it, and if it has speech that other clips do not have.
Letter trigrams of the model's hypothesis stand for sounds in context. The weight of a trigram is
halved for each transcript or chosen clip that contains it. Clips are chosen greedily, which for a
sum with diminishing returns is near the optimum. The value is per second of listening.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_GROUP = 3
_SHOWN = 4
_LEAST_SECONDS = 1.0  # time to open a clip


@dataclass(frozen=True)
class Candidate:
    """A clip that may be transcribed.

    Attributes:
        text: hypothesis of the model.
        confidence: confidence of the model, 0 to 1.
        seconds: duration of the clip.
    """

    text: str
    confidence: float
    seconds: float


@dataclass(frozen=True)
class ChosenClip:
    """A clip that was chosen.

    Attributes:
        index: index among the candidates.
        value: value per second of listening, given the clips chosen before it.
        new: letter groups that occur in no transcript and in no clip chosen before it.
        groups: number of different letter groups of the clip.
    """

    index: int
    value: float
    new: tuple[str, ...]
    groups: int


def letter_groups(text: str) -> set[str]:
    """Return the letter trigrams of a text, with spaces at word boundaries and at both ends."""
    padded = f" {' '.join(text.split())} "
    if len(padded) == 2:
        return set()
    return {padded[at : at + _GROUP] for at in range(max(1, len(padded) - _GROUP + 1))}


def choose(candidates: Sequence[Candidate], known: Iterable[str]) -> Iterator[ChosenClip]:
    """Yield the most valuable candidate, then the next; candidates without value are left out.

    Args:
        candidates: clips without a transcript.
        known: existing transcripts.
    """
    seen: Counter[str] = Counter()
    for text in known:
        seen.update(letter_groups(text))
    groups = [sorted(letter_groups(one.text)) for one in candidates]

    def value(index: int) -> float:
        one = candidates[index]
        novelty = sum(0.5 ** seen[group] for group in groups[index])
        return (1 - one.confidence) * novelty / max(_LEAST_SECONDS, one.seconds)

    # Lazy greedy search: values only fall, so a recomputed value that is still highest is the best.
    waiting = [(-value(index), index) for index in range(len(candidates))]
    heapq.heapify(waiting)
    while waiting:
        _, index = heapq.heappop(waiting)
        now = value(index)
        if waiting and -now > waiting[0][0]:
            heapq.heappush(waiting, (-now, index))
            continue
        if now <= 0:
            return
        new = tuple(group for group in groups[index] if not seen[group])
        yield ChosenClip(index, now, new, len(groups[index]))
        seen.update(groups[index])


def why(choice: ChosenClip, candidate: Candidate) -> str:
    """Return in words why a clip was chosen."""
    shown = ", ".join(repr(group) for group in choice.new[:_SHOWN])
    more = ", ..." if len(choice.new) > _SHOWN else ""
    said = f": {shown}{more}" if choice.new else ""
    return (
        f"confidence {candidate.confidence:.0%}; {len(choice.new)} of {choice.groups} letter "
        f"groups are new{said}"
    )
