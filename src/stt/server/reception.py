"""Accepts connections, and queues those that no process can take yet."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence

_log = logging.getLogger("uvicorn.error")
_RETRY_SECONDS = 0.05  # until the next attempt if no process can take a connection
_NO_FILES_SECONDS = 0.5  # until the next attempt if no file descriptors are left
_BACKLOG = 2048


class Reception:
    """Accepts connections one by one; those that no process can take now wait.

    Args:
        listeners: sockets to accept from; `close` closes them.
        hand_over: hands a connection over to a process; returns whether one could take it.
    """

    def __init__(
        self, listeners: Sequence[socket.socket], hand_over: Callable[[socket.socket], bool]
    ) -> None:
        self._listeners = listeners
        self._hand_over = hand_over
        self._waiting: deque[socket.socket] = deque()
        self._is_paused = False

    def listen(self) -> None:
        """Listen, so that the system queues connections until they are accepted."""
        for listener in self._listeners:
            listener.setblocking(False)
            listener.listen(_BACKLOG)

    def open(self) -> None:
        """Start accepting connections."""
        for listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def serve_waiting(self) -> None:
        """Hand over the waiting connections until no process can take one."""
        while self._waiting:
            if not self._hand_over(self._waiting[0]):
                self._pause(_RETRY_SECONDS)
                return
            self._waiting.popleft().close()

    def close(self) -> None:
        """Close the listeners and all waiting connections."""
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
        """Stop accepting for a while; the system queues new connections."""
        if self._is_paused:
            return
        self._is_paused = True
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener)
        loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._is_paused = False
        self.serve_waiting()
        if not self._waiting:
            self.open()
