"""Ctrl-C and `kill`: the first ends the command in order, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from ..training.trainer import Interrupted


class Interruption:
    """While entered, SIGINT and SIGTERM do not end the process.

    During training the first one sets a mark, for the loop to save and stop. After it, where there
    is nothing to save, it raises `Interrupted` at once. A second one acts as it would without this.
    Signals come to the main thread only; in another one, where a program may train, nothing is set.
    """

    def __init__(self) -> None:
        self.signal_number = 0
        self._raises = False
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Whether a signal has come."""
        return self.signal_number != 0

    def raise_from_now_on(self) -> None:
        """Let a signal raise where it comes; one that has come already raises here.

        Raises:
            Interrupted: it has.
        """
        self._raises = True
        if self():
            raise Interrupted

    @property
    def exit_status(self) -> int:
        """What a shell expects of a process that ended by this signal.

        Of several processes that are one run all end where one has got a signal.
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
