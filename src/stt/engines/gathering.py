"""Dynamic batching: simultaneous calls of several threads are run as one batch."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Call = TypeVar("Call")
Result = TypeVar("Result")


@dataclass(eq=False)
class _Entry(Generic[Call, Result]):
    """A waiting call, and its result."""

    call: Call
    is_ready: threading.Event = field(default_factory=threading.Event)
    # The batch that the thread of this call has to run, if any.
    batch: list[_Entry[Call, Result]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)  # one, once the call is done
    error: BaseException | None = None


class Gathering(Generic[Call, Result]):
    """Batches calls that arrive while other batches run. Thread-safe.

    No call waits for a batch to fill. If fewer than `parallel` batches are running, a call runs at
    once; else it waits until one ends, and then runs in one batch with the calls that arrived
    meanwhile, in order of arrival. So batches grow with the load, and as long as at most `most`
    calls wait, a call waits for one batch. The calling threads run the batches themselves.

    Args:
        run: runs a batch of calls and returns a result for each. If it raises, all calls of the
            batch raise the same error.
        most: highest number of calls in a batch.
        parallel: number of batches that may run at the same time.
    """

    def __init__(
        self, run: Callable[[Sequence[Call]], Sequence[Result]], *, most: int, parallel: int
    ) -> None:
        self._run = run
        self.most = most
        self.parallel = parallel
        self._lock = threading.Lock()
        self._waiting: deque[_Entry[Call, Result]] = deque()
        self._running = 0

    @property
    def running(self) -> int:
        """Number of batches that are running."""
        return self._running

    def run(self, call: Call) -> Result:
        """Run a call, and return its result."""
        entry: _Entry[Call, Result] = _Entry(call)
        with self._lock:
            self._waiting.append(entry)
            if self._running < self.parallel:
                self._running += 1
                self._start_batch()
        self._wait(entry)
        if entry.batch:
            self._run_batch(entry.batch)
        if entry.error is not None:
            raise entry.error
        return entry.results[0]

    def _start_batch(self) -> None:
        """Form the next batch, and wake the thread of its first call to run it.

        The caller holds the lock.
        """
        if not self._waiting:
            self._running -= 1
            return
        count = min(self.most, len(self._waiting))
        batch = [self._waiting.popleft() for _ in range(count)]
        batch[0].batch = batch
        batch[0].is_ready.set()

    def _wait(self, entry: _Entry[Call, Result]) -> None:
        """Wait until the call is done, or this thread has to run its batch."""
        try:
            entry.is_ready.wait()
        except BaseException:  # Ctrl-C: the other calls continue without this one
            with self._lock:
                if entry in self._waiting:
                    self._waiting.remove(entry)
                elif entry.batch:
                    self._waiting.extendleft(reversed(entry.batch[1:]))
                    self._start_batch()
            raise

    def _run_batch(self, batch: list[_Entry[Call, Result]]) -> None:
        try:
            results = self._run([entry.call for entry in batch])
            for entry, result in zip(batch, results, strict=True):
                entry.results.append(result)
        except BaseException as error:  # raised in the threads of all calls
            for entry in batch:
                entry.error = error
        finally:
            with self._lock:
                self._start_batch()
            for entry in batch:
                entry.is_ready.set()
