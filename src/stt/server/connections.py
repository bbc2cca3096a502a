"""uvicorn's connections, with bounds on what clients can hold open without asking for anything."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .collected import Collected

_MOST_SECONDS = 10.0  # for the header of a request
_MOST_WAITING = 256
_FRESH_SECONDS = 1.0  # who comes in a crowd has this long to be read
_SAMPLE_BYTES = 2
_log_of_requests = logging.getLogger("uvicorn.error.streams")
_log_of_requests.setLevel(logging.INFO)
_log_of_errors = logging.getLogger("uvicorn.error.streams.errors")
_log_of_errors.setLevel(logging.WARNING)


class Lobby:
    """Connections that nobody works for: whose request is not complete, or answered long ago.

    Each may be here for some seconds. Where there are too many, those who came first go first: who
    has something to ask is quicker than that.

    Args:
        seconds: how long a connection may be here.
        processes: how many there are of the server; connections are shared out evenly.
    """

    def __init__(self, seconds: float, processes: int = 1) -> None:
        self._most = -(-_MOST_WAITING // processes)
        self._seconds = min(seconds, _MOST_SECONDS)
        self._since: dict[HttpConnection, float] = {}  # in the order of their coming
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, connection: HttpConnection) -> None:
        """Note a connection, unless it is here already."""
        self._since.setdefault(connection, monotonic())
        self._send_away()

    def leave(self, connection: HttpConnection) -> None:
        """Forget a connection."""
        self._since.pop(connection, None)

    def _send_away(self) -> None:
        now = monotonic()
        for connection, since in list(self._since.items()):
            crowded = len(self._since) > self._most
            if now - since < (_FRESH_SECONDS if crowded else self._seconds):
                break
            self.leave(connection)
            connection.transport.close()
        if self._since and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FRESH_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._send_away()


class HttpConnection(H11Protocol):
    """A connection that is in the lobby whenever no request of it is being worked on.

    uvicorn itself waits for a header for ever, and for the rest of a body that was refused.
    """

    def __init__(self, *args: Any, lobby: Lobby, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lobby = lobby
        self._is_open = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take note of a client."""
        super().connection_made(transport)
        self._is_open = True
        self._lobby.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        self._leave_for_good()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Work on what was received."""
        super().handle_events()
        self._enter_or_leave()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over to a WebSocket."""
        self._leave_for_good()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._enter_or_leave()

    def _enter_or_leave(self) -> None:
        if not self._is_open:
            return
        if self.cycle is None or self.cycle.response_complete:
            self._lobby.enter(self)
        else:
            self._lobby.leave(self)

    def _leave_for_good(self) -> None:
        self._is_open = False
        self._lobby.leave(self)


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket that hands short binary messages over together, see `Collected`.

    It closes with 1007 at text which is not UTF-8; uvicorn logs a traceback. What uvicorn logs of
    each stream is logged with `--access_log` only, as requests are.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.logger = _log_of_requests if self.config.access_log else _log_of_errors
        self._collected = Collected()

    async def run_asgi(self) -> None:
        """Let the application serve the client."""
        self._collected.offer(self.scope)
        await super().run_asgi()

    def send_receive_event_to_app(self) -> None:
        """Hand a message over, or keep it until there is more."""
        message = b"".join(self.frames)
        if self.curr_msg_data_type == "bytes" and len(message) % _SAMPLE_BYTES == 0:
            self._hand_over(self._collected.add(message))
            return
        # The end of a stream, or what ends it: it comes after all that is before it.
        kind = self.curr_msg_data_type
        if kind == "text" and not _is_utf8(message):
            self.conn.send_close(1007, "text must be UTF-8")
            self.handle_parser_exception()
            return
        self._hand_over(self._collected.take())
        self.frames, self.curr_msg_data_type = [message], kind
        super().send_receive_event_to_app()

    def _hand_over(self, audio: bytes) -> None:
        if audio:
            self.frames, self.curr_msg_data_type = [audio], "bytes"
            super().send_receive_event_to_app()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def http_connections(seconds: float, processes: int = 1) -> Callable[..., HttpConnection]:
    """Return what makes the connections of one server, with a lobby of its own; see `Lobby`."""
    lobby = Lobby(seconds, processes)

    def make(*args: Any, **options: Any) -> HttpConnection:
        return HttpConnection(*args, lobby=lobby, **options)

    return make
