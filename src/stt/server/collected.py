"""Messages of a client, put together until they are worth waking anybody for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_EXTENSION = "stt.collected"


class Collected:
    """Audio of one client that was received and not handed over, less than is worth a turn.

    Live audio comes in many small messages, and to wake a task for each costs more than to receive
    it. So the connection collects them here, as long as there is less than `due_bytes`. What serves
    the stream says how much that is, and may take what there is at any time.
    """

    def __init__(self) -> None:
        self.due_bytes = 0
        self._data = bytearray()

    def add(self, message: bytes) -> bytes:
        """Take a message in; return all that is due, or nothing."""
        self._data += message
        return self.take() if len(self._data) >= self.due_bytes else b""

    def take(self) -> bytes:
        """Return all that there is."""
        data = bytes(self._data)
        self._data.clear()
        return data

    def offer(self, scope: Any) -> None:
        """Let the application have it, by an extension of ASGI."""
        scope["extensions"][_EXTENSION] = self

    @staticmethod
    def of(scope: Mapping[str, Any]) -> Collected:
        """Return what a connection offers; where it offers nothing, one that stays empty."""
        found = scope.get("extensions", {}).get(_EXTENSION)
        return found if isinstance(found, Collected) else Collected()
