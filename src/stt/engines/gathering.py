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
class _Ticket(Generic[Call, Result]):
    """A waiting call, and its result."""

    call: Call
    news: threading.Event = field(default_factory=threading.Event)
    # The batch that the thread of this call has to run, if any.
    batch: list[_Ticket[Call, Result]] = field(default_factory=list)
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
        self._waiting: deque[_Ticket[Call, Result]] = deque()
        self._at_work = 0

    @property
    def at_work(self) -> int:
        """Number of batches that are running."""
        return self._at_work

    def run(self, call: Call) -> Result:
        """Run a call, and return its result."""
        ticket: _Ticket[Call, Result] = _Ticket(call)
        with self._lock:
            self._waiting.append(ticket)
            if self._at_work < self.parallel:
                self._at_work += 1
                self._pass_on()
        self._wait(ticket)
        if ticket.batch:
            self._make(ticket.batch)
        if ticket.error is not None:
            raise ticket.error
        return ticket.results[0]

    def _pass_on(self) -> None:
        """Form the next batch, and wake the thread of its first call to run it.

        The caller holds the lock.
        """
        if not self._waiting:
            self._at_work -= 1
            return
        count = min(self.most, len(self._waiting))
        batch = [self._waiting.popleft() for _ in range(count)]
        batch[0].batch = batch
        batch[0].news.set()

    def _wait(self, ticket: _Ticket[Call, Result]) -> None:
        """Wait until the call is done, or this thread has to run its batch."""
        try:
            ticket.news.wait()
        except BaseException:  # Ctrl-C: the other calls continue without this one
            with self._lock:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                elif ticket.batch:
                    self._waiting.extendleft(reversed(ticket.batch[1:]))
                    self._pass_on()
            raise

    def _make(self, batch: list[_Ticket[Call, Result]]) -> None:
        try:
            results = self._run([ticket.call for ticket in batch])
            for ticket, result in zip(batch, results, strict=True):
                ticket.results.append(result)
        except BaseException as error:  # raised in the threads of all calls
            for ticket in batch:
                ticket.error = error
        finally:
            with self._lock:
                self._pass_on()
            for ticket in batch:
                ticket.news.set()
