"""What the processes of a server count together: places that are taken, and what was done.

The numbers lie in memory that all of them share, a row for each process. A process writes in its
own row only, so that nothing is lost and nobody waits; everybody reads the sums. Only to take the
last of what is scarce needs a lock, the system's, which it lets go of when its holder dies. The row
of a process that died goes to those that are gone: what it had taken is free again, and what it had
done stays done.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_NUMBER_BYTES = 8  # a double; it is written at once


class Ledger:
    """Sums over the processes of one server. For one event loop in each.

    Args:
        gauges: names of what goes up and down, and ends with the process.
        counters: names of what only grows.
        processes: how many there may be.
        row: of this process, from 0.
        file: that all share, see `shared_file`; None where there is one process.
    """

    def __init__(
        self,
        gauges: Sequence[str],
        counters: Sequence[str],
        *,
        processes: int = 1,
        row: int = 0,
        file: int | None = None,
    ) -> None:
        self._gauges = len(gauges)
        self._columns = {name: column for column, name in enumerate([*gauges, *counters])}
        self._row = row
        self._rows = processes + 1  # the last is of those that are gone
        self._file = file
        size_bytes = _NUMBER_BYTES * self._rows * len(self._columns)
        memory = bytearray(size_bytes) if file is None else _mapped(file, size_bytes)
        self._numbers = memoryview(memory).cast("d")

    def add(self, name: str, amount: float = 1) -> None:
        """Add to a number, or take from it."""
        self._numbers[self._place(self._row, name)] += amount

    def total(self, name: str) -> float:
        """Return a number of all processes together."""
        return sum(self._numbers[self._columns[name] :: len(self._columns)])

    def set(self, name: str, value: float) -> None:
        """Say what a number is in this process."""
        self._numbers[self._place(self._row, name)] = value

    def of(self, row: int, name: str) -> float:
        """Return a number of one process."""
        return self._numbers[self._place(row, name)]

    def claim(self, name: str, most: float) -> bool:
        """Add one to a number, unless all processes together have so many."""
        with self._alone():
            if self.total(name) >= most:
                return False
            self.add(name)
            return True

    def retire(self, row: int) -> None:
        """Free what a process that ended had taken, and keep what it had done."""
        gone = self._rows - 1
        for column in range(len(self._columns)):
            place = row * len(self._columns) + column
            value, self._numbers[place] = self._numbers[place], 0.0
            if column >= self._gauges:
                self._numbers[gone * len(self._columns) + column] += value

    def _place(self, row: int, name: str) -> int:
        return row * len(self._columns) + self._columns[name]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._file is None:
            yield
            return
        import fcntl  # where processes are several there is one, see `can_share`

        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)


def shared_file() -> int:
    """Return the descriptor of a file without a name, for processes that inherit it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stt-serve")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _mapped(file: int, size_bytes: int) -> mmap.mmap:
    if os.fstat(file).st_size < size_bytes:
        os.ftruncate(file, size_bytes)
    return mmap.mmap(file, size_bytes)
