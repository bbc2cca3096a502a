"""Ctrl-C and `kill`: the first asks training to save and stop, the second stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interruption:
    """While entered, SIGINT and SIGTERM set a mark instead of ending the process.

    A second signal acts as it would without this. Signals come to the main thread only; in another
    one, where a program may train, nothing is set.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.signal_number != 0

    @property
    def exit_status(self) -> int:
        """What a shell expects of a process that ended by this signal."""
        return 128 + self.signal_number

    def __enter__(self) -> Interruption:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._mark)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _mark(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()
