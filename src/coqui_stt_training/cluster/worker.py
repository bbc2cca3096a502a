"""The code of a worker: it opens its model once, then processes parcels of items."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Processes items: yields each with its result or error.
Work = Callable[[Sequence[Item]], Iterable[tuple[Item, Result | UserError]]]


@dataclass(frozen=True)
class Failure:
    """The message of an error; errors themselves cannot always be pickled."""

    message: str


class Worker(Generic[Item, Result]):
    """A process of a cluster.

    Args:
        open_work: function of the number of cores; it returns the function that processes items.
        cores: number of cores to use.
        folder: folder that relative paths start from, if this machine has it.
    """

    def __init__(
        self, open_work: Callable[[int], Work[Item, Result]], cores: int, folder: Path
    ) -> None:
        self._open_work = open_work
        self._cores = cores
        self._folder = folder

    def open(self) -> Failure | None:
        """Load the model; return the error, or None."""
        try:
            if self._folder.is_dir():
                os.chdir(self._folder)
            self._work = self._open_work(self._cores)
        except UserError as error:
            return Failure(str(error))
        return None

    def process(self, items: Sequence[Item]) -> list[tuple[Item, Result | Failure]]:
        """Return items, each with its result or error."""
        return [
            (item, Failure(str(found)) if isinstance(found, UserError) else found)
            for item, found in self._work(items)
        ]
