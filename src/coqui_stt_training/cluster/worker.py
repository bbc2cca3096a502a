"""What runs in a worker: it opens its model once, then hears parcels of recordings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Hears some items: yields each with what is heard, or with why it cannot be.
Work = Callable[[Sequence[Item]], Iterable[tuple[Item, Result | UserError]]]


@dataclass(frozen=True)
class Failure:
    """An error as it travels: errors of some kinds cannot be pickled."""

    message: str


class Worker(Generic[Item, Result]):
    """A process of a cluster.

    Args:
        open_work: is given the number of cores to use, and returns what hears.
        cores: that number.
        folder: in which relative names are meant, where this machine has it.
    """

    def __init__(
        self, open_work: Callable[[int], Work[Item, Result]], cores: int, folder: Path
    ) -> None:
        self._open_work = open_work
        self._cores = cores
        self._folder = folder

    def open(self) -> Failure | None:
        """Load the model; return what is wrong with it."""
        try:
            if self._folder.is_dir():
                os.chdir(self._folder)
            self._work = self._open_work(self._cores)
        except UserError as error:
            return Failure(str(error))
        return None

    def process(self, items: Sequence[Item]) -> list[tuple[Item, Result | Failure]]:
        """Return what is heard in some items."""
        return [
            (item, Failure(str(found)) if isinstance(found, UserError) else found)
            for item, found in self._work(items)
        ]
