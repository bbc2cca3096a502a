"""What a transcript of a clip would teach a model, beside those that it has.

    value = (1 - confidence) * sum over the clip's letter groups of 1 / 2 ** (times seen) / seconds

A clip teaches what the model is unsure of, and what is said in it that is not said elsewhere.
Groups of three letters, as the model hears them, stand for sounds in their surroundings; each time
one is seen, in a transcript or in a clip that was chosen before, it is worth half. So clips are
chosen one by one, the best each time, which for a sum with diminishing returns is near the best
choice of all. It is divided by the time it takes to listen.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_GROUP = 3
_SHOWN = 4
_LEAST_SECONDS = 1.0  # it takes so long to open a clip


@dataclass(frozen=True)
class Candidate:
    """A clip that may be transcribed.

    Attributes:
        text: what the model hears.
        confidence: how sure it is, 0 to 1.
        seconds: how long it is.
    """

    text: str
    confidence: float
    seconds: float


@dataclass(frozen=True)
class ChosenClip:
    """A clip that was chosen.

    Attributes:
        index: among the candidates.
        value: what it teaches for a second of listening, beside those chosen before it.
        new: letter groups that were never seen before it.
        groups: how many different ones it has.
    """

    index: int
    value: float
    new: tuple[str, ...]
    groups: int


def letter_groups(text: str) -> set[str]:
    """Return the groups of letters in a text, across words; a short text is one group."""
    padded = f" {' '.join(text.split())} "
    if len(padded) == 2:
        return set()
    return {padded[at : at + _GROUP] for at in range(max(1, len(padded) - _GROUP + 1))}


def choose(candidates: Sequence[Candidate], known: Iterable[str]) -> Iterator[ChosenClip]:
    """Yield candidates, the one that teaches most first; those that teach nothing are left out.

    Args:
        candidates: clips without a transcript.
        known: transcripts that there are.
    """
    seen: Counter[str] = Counter()
    for text in known:
        seen.update(letter_groups(text))
    groups = [sorted(letter_groups(one.text)) for one in candidates]

    def value(index: int) -> float:
        one = candidates[index]
        novelty = sum(0.5 ** seen[group] for group in groups[index])
        return (1 - one.confidence) * novelty / max(_LEAST_SECONDS, one.seconds)

    # A value only falls as others are chosen: what is still the best after a second look is it.
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
    """Say why a clip was chosen."""
    shown = ", ".join(repr(group) for group in choice.new[:_SHOWN])
    more = ", ..." if len(choice.new) > _SHOWN else ""
    said = f": {shown}{more}" if choice.new else ""
    return (
        f"confidence {candidate.confidence:.0%}; {len(choice.new)} of {choice.groups} letter "
        f"groups are new{said}"
    )
