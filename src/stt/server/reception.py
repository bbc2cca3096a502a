"""Connections that come in, until somebody can take them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence

_log = logging.getLogger("uvicorn.error")
_FULL_SECONDS = 0.05  # until all are asked again whether they can take a connection
_NO_FILES_SECONDS = 0.5  # until a connection is accepted again, where descriptors are short
_BACKLOG = 2048


class Reception:
    """Accepts connections one by one, and lets those wait that nobody can take now.

    Args:
        listeners: to accept from; they listen from now on, and are closed with the rest.
        hand_over: gives a connection to somebody; whether one could take it.
    """

    def __init__(
        self, listeners: Sequence[socket.socket], hand_over: Callable[[socket.socket], bool]
    ) -> None:
        self._listeners = listeners
        self._hand_over = hand_over
        self._waiting: deque[socket.socket] = deque()
        self._is_paused = False

    def listen(self) -> None:
        """Let the system keep connections until they are accepted."""
        for listener in self._listeners:
            listener.setblocking(False)
            listener.listen(_BACKLOG)

    def open(self) -> None:
        """Begin to accept."""
        for listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def serve_waiting(self) -> None:
        """Hand over those that wait, as far as they can be taken."""
        while self._waiting:
            if not self._hand_over(self._waiting[0]):
                self._pause(_FULL_SECONDS)
                return
            self._waiting.popleft().close()

    def close(self) -> None:
        """Close all that is not handed over."""
        for connection in (*self._listeners, *self._waiting):
            connection.close()

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            _log.error("Cannot accept connections: %s", error.strerror)
            self._pause(_NO_FILES_SECONDS)
            return
        self._waiting.append(connection)
        self.serve_waiting()

    def _pause(self, seconds: float) -> None:
        """Let connections wait where the system keeps them."""
        if self._is_paused:
            return
        self._is_paused = True
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
        loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._is_paused = False
        self.serve_waiting()
        if not self._waiting:
            self.open()
