"""Gauges and counters in memory that the processes of a server share.

Each process has a row of numbers and writes only to it, so updates need no lock; the value of a
gauge or counter is the sum over all rows. Only `claim`, which enforces a limit, takes a lock; the
system releases it if its holder dies. When a process has died, its gauges become 0, which frees its
places, and its counters are added to the last row, which is that of all ended processes.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_NUMBER_BYTES = 8  # a double, which is written atomically


class Ledger:
    """Gauges and counters of the processes of one server. Use it from one event loop in each.

    Args:
        gauges: names of the gauges, which go up and down, and end with the process.
        counters: names of the counters, which only grow.
        processes: highest number of processes.
        row: row of this process, from 0.
        file: descriptor of the shared file, see `shared_file`; None for a single process.
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
        self._rows = processes + 1  # the last one is of ended processes
        self._file = file
        size_bytes = _NUMBER_BYTES * self._rows * len(self._columns)
        memory = bytearray(size_bytes) if file is None else _mapped(file, size_bytes)
        self._numbers = memoryview(memory).cast("d")

    def add(self, name: str, amount: float = 1) -> None:
        """Add an amount, which may be negative, to a number of this process."""
        self._numbers[self._place(self._row, name)] += amount

    def total(self, name: str) -> float:
        """Return the sum of a number over all processes."""
        return sum(self._numbers[self._columns[name] :: len(self._columns)])

    def set(self, name: str, value: float) -> None:
        """Set a number of this process."""
        self._numbers[self._place(self._row, name)] = value

    def of(self, row: int, name: str) -> float:
        """Return a number of one process."""
        return self._numbers[self._place(row, name)]

    def claim(self, name: str, most: float) -> bool:
        """Add 1 to a number unless its total is `most`; return whether it was added."""
        with self._alone():
            if self.total(name) >= most:
                return False
            self.add(name)
            return True

    def retire(self, row: int) -> None:
        """Clear the gauges of an ended process, and keep its counters."""
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
        import fcntl  # exists on every system with several processes, see `can_share`

        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)


def shared_file() -> int:
    """Return the descriptor of an unnamed file that child processes can inherit."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stt-serve")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _mapped(file: int, size_bytes: int) -> mmap.mmap:
    if os.fstat(file).st_size < size_bytes:
        os.ftruncate(file, size_bytes)
    return mmap.mmap(file, size_bytes)
