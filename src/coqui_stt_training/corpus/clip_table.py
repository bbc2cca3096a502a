"""Clips of large collections: numbers of rows and lengths as arrays, each clip made when asked."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from .clip import Clip


@dataclass(frozen=True, eq=False)
class ClipTable(Sequence[Clip]):
    """Clips that are made when they are asked for.

    Attributes:
        numbers: of what `make` makes them, int64 `[clips]`.
        seconds: of each, float64 `[clips]`.
        make: makes a clip of its number and its seconds.
        named: finds the clips whose audio is in files of some names.
    """

    numbers: NDArray[np.int64]
    seconds: NDArray[np.float64]
    make: Callable[[int, float], Clip]
    named: Callable[[Iterable[Path]], Iterable[Clip]]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Clip]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> ClipTable: ...
    def __getitem__(self, index: int | slice) -> Clip | ClipTable:
        if isinstance(index, slice):
            return ClipTable(self.numbers[index], self.seconds[index], self.make, self.named)
        return self.make(int(self.numbers[index]), float(self.seconds[index]))


@dataclass(frozen=True, eq=False)
class ChosenClips(Sequence[Clip]):
    """Some clips of others, in an order of their own.

    Attributes:
        clips: the others.
        indices: which of them, int64 `[chosen]`.
    """

    clips: Sequence[Clip]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> ChosenClips: ...
    def __getitem__(self, index: int | slice) -> Clip | ChosenClips:
        if isinstance(index, slice):
            return ChosenClips(self.clips, self.indices[index])
        return self.clips[int(self.indices[index])]

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """Length of each, float64 `[chosen]`."""
        return seconds_of(self.clips)[self.indices]


@dataclass(frozen=True, eq=False)
class JoinedClips(Sequence[Clip]):
    """Several sequences of clips, one after another."""

    parts: tuple[Sequence[Clip], ...]

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *itertools.accumulate(map(len, self.parts))]

    def __len__(self) -> int:
        return self._starts[-1]

    def __iter__(self) -> Iterator[Clip]:
        return itertools.chain.from_iterable(self.parts)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> ChosenClips: ...
    def __getitem__(self, index: int | slice) -> Clip | ChosenClips:
        if isinstance(index, slice):
            return ChosenClips(self, np.arange(len(self), dtype=np.int64)[index])
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(index)
        part = bisect.bisect_right(self._starts, number) - 1
        return self.parts[part][number - self._starts[part]]

    @cached_property
    def seconds(self) -> NDArray[np.float64]:
        """Length of each, float64 `[clips]`."""
        return np.concatenate([np.empty(0), *map(seconds_of, self.parts)])


def seconds_of(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Return the length of each clip, float64 `[clips]`."""
    if isinstance(clips, (ClipTable, ChosenClips, JoinedClips)):
        return clips.seconds
    return np.array([clip.duration_seconds for clip in clips], np.float64)


def joined(parts: Sequence[Sequence[Clip]]) -> Sequence[Clip]:
    """Return clips one after another: a list, unless one of the sequences is large."""
    if all(isinstance(part, (tuple, list)) for part in parts):
        return list(itertools.chain.from_iterable(parts))
    return JoinedClips(tuple(parts))
