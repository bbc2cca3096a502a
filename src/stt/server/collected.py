"""Collects small messages of a client, so that a task wakes only when there is enough audio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EXTENSION = "stt.collected"


class Collected:
    """Audio of one client that was received but not yet passed to the task that serves the stream.

    Live audio arrives in many small messages, and waking a task for each costs more than receiving
    it. So the connection collects messages here until there are `due_bytes`. The task sets
    `due_bytes`, and may take the collected audio at any time.
    """

    def __init__(self) -> None:
        self.due_bytes = 0
        self._data = bytearray()

    def add(self, message: bytes) -> bytes:
        """Add a message; return all collected audio if there are `due_bytes`, else nothing."""
        self._data += message
        return self.take() if len(self._data) >= self.due_bytes else b""

    def take(self) -> bytes:
        """Return and remove all collected audio."""
        data = bytes(self._data)
        self._data.clear()
        return data

    def offer(self, scope: Any) -> None:
        """Pass this object to the application, as an extension of ASGI."""
        scope["extensions"][_EXTENSION] = self

    @staticmethod
    def of(scope: Mapping[str, Any]) -> Collected:
        """Return the object that a connection offers; if it offers none, an empty one."""
        found = scope.get("extensions", {}).get(_EXTENSION)
        return found if isinstance(found, Collected) else Collected()
