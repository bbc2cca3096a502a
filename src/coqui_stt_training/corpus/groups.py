"""Which rows of a corpus belong into the same set: those of a speaker, those of one text.

Scores on speakers or sentences that were trained on flatter. Where keeping both apart would leave
no sets of the right size, as with few speakers who all read the same words, speakers matter more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .rows import Row

_LEAST_SHARE = 0.5  # of the size that a set should have


@dataclass(frozen=True)
class Partition:
    """Rows by number in three sets, and what is in no two of them, in words."""

    train: list[int]
    dev: list[int]
    test: list[int]
    apart: str


def part_rows(
    rows: Sequence[Row], size: int, place: Callable[[str], bytes], names: Sequence[str]
) -> Partition:
    """Split rows into a train, a dev and a test set, the latter of `size` rows each or a few less.

    Args:
        rows: all of them.
        size: of the dev set, and of the test set.
        place: gives a name its place in a random order.
        names: of the rows, which decide their places.
    """
    speakers = [row.speaker for row in rows]
    texts = [" ".join(row.transcript.casefold().split()) for row in rows]
    for labels, apart in (
        ((speakers, texts), "no speaker and no text is in two of them"),
        ((speakers,), "no speaker is in two of them"),
        ((texts,), "no text is in two of them"),
    ):
        if labels[0] is speakers and not any(speakers):
            continue
        groups = _connected(labels, len(rows))
        found = _fill(groups, size, place, names)
        if found:
            return Partition(*found, apart)
    singles = [[number] for number in range(len(rows))]
    found = _fill(singles, size, place, names) or ([], [], [])
    return Partition(*found, "speakers and texts are in several of them, as there are too few")


def place_by_seed(seed: int, name: str) -> bytes:
    """Return the place of a name in a random order, which depends on no other name."""
    return hashlib.sha256(f"{seed}\0{name}".encode(errors="surrogatepass")).digest()


def _connected(labels: Sequence[Sequence[str]], count: int) -> list[list[int]]:
    """Return groups of rows such that rows with a label in common are in one group."""
    parents = list(range(count))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    for column in labels:
        first: dict[str, int] = {}
        for number, label in enumerate(column):
            if label:
                one, other = root(first.setdefault(label, number)), root(number)
                parents[max(one, other)] = min(one, other)
    groups: dict[int, list[int]] = {}
    for number in range(count):
        groups.setdefault(root(number), []).append(number)
    return list(groups.values())


def _fill(
    groups: Sequence[list[int]], size: int, place: Callable[[str], bytes], names: Sequence[str]
) -> tuple[list[int], list[int], list[int]] | None:
    """Put whole groups into test and dev while they fit; None where that leaves those too small."""
    left = sorted(groups, key=lambda group: (place(names[group[0]]), group[0]))
    sets: list[list[int]] = []
    for _ in ("test", "dev"):
        taken: list[int] = []
        rest = []
        for group in left:
            if len(taken) + len(group) <= size:
                taken += group
            else:
                rest.append(group)
        left = rest
        sets.append(taken)
    test, dev = sets
    if min(len(test), len(dev)) < max(1, _LEAST_SHARE * size) or not left:
        return None
    return sorted(number for group in left for number in group), sorted(dev), sorted(test)
