"""Ctrl-C and `kill`: the first signal ends the command cleanly, the second one at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from ..training.trainer import Interrupted


class Interruption:
    """A context in which SIGINT and SIGTERM do not end the process.

    During training the first signal sets a mark, so that the loop saves and stops. After training,
    when there is nothing to save, it raises `Interrupted` at once. A second signal acts as it would
    without this. Only the main thread gets signals; in another thread this does nothing.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self._raises = False
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Whether a signal was received."""
        return self.signal_number != 0

    def raise_from_now_on(self) -> None:
        """Let the next signal raise an exception at once; raise it here if one was received.

        Raises:
            Interrupted: a signal was received.
        """
        self._raises = True
        if self():
            raise Interrupted

    @property
    def exit_status(self) -> int:
        """The exit status that a shell expects of a process that this signal ended.

        If one of several processes of a run gets a signal, all of them end.
        """
        return 128 + (self.signal_number or signal.SIGTERM)

    def __enter__(self) -> Interruption:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        self._restore()
        if self._raises:
            raise Interrupted

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()
