"""Calls of several threads that come at the same time, made as one."""

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
    """A call that waits, and what becomes of it."""

    call: Call
    news: threading.Event = field(default_factory=threading.Event)
    # The calls that are made together, where the thread of this one is to make them.
    batch: list[_Ticket[Call, Result]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)  # one, when it is there
    error: BaseException | None = None


class Gathering(Generic[Call, Result]):
    """Makes calls together that come while others are made. May be called from many threads.

    Nobody waits for company: a call is made at once where fewer than `parallel` are at work, and
    else as soon as one of them is done, with all that came meanwhile, first come first served. So
    batches grow with the load, and a call waits for one batch at most as long as there are no more
    than `most` others. Threads make the calls themselves, by turns.

    Args:
        run: makes calls, and returns a result for each. An error of it reaches all of them.
        most: calls in one batch.
        parallel: batches at the same time.
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
        """How many batches are being run at this moment."""
        return self._at_work

    def run(self, call: Call) -> Result:
        """Make a call, and return its result."""
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
        """Let the first who waits make the next calls, and those of who comes after it.

        The lock is held.
        """
        if not self._waiting:
            self._at_work -= 1
            return
        count = min(self.most, len(self._waiting))
        batch = [self._waiting.popleft() for _ in range(count)]
        batch[0].batch = batch
        batch[0].news.set()

    def _wait(self, ticket: _Ticket[Call, Result]) -> None:
        """Wait until a call was made, or is to be made by this thread."""
        try:
            ticket.news.wait()
        except BaseException:  # Ctrl-C: the others go on without this call
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
        except BaseException as error:  # handed to those who wait
            for ticket in batch:
                ticket.error = error
        finally:
            with self._lock:
                self._pass_on()
            for ticket in batch:
                ticket.news.set()
