"""uvicorn's connections, with limits on the connections that clients keep open idle."""

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

_MOST_SECONDS = 10.0  # to send the header of a request
_MOST_IDLE = 256
_CROWDED_SECONDS = 1.0  # to send a request if there are too many idle connections
_SAMPLE_BYTES = 2
_log_of_requests = logging.getLogger("uvicorn.error.streams")
_log_of_requests.setLevel(logging.INFO)
_log_of_errors = logging.getLogger("uvicorn.error.streams.errors")
_log_of_errors.setLevel(logging.WARNING)


class Lobby:
    """The idle connections: their request is incomplete, or has been answered.

    A connection may be idle for some seconds, and is then closed. If there are too many, the oldest
    are closed sooner; a client with a request sends it in less time.

    Args:
        seconds: time that a connection may be idle.
        processes: number of processes of the server, which have equal shares of the connections.
    """

    def __init__(self, seconds: float, processes: int = 1) -> None:
        self._most = -(-_MOST_IDLE // processes)
        self._seconds = min(seconds, _MOST_SECONDS)
        self._since: dict[HttpConnection, float] = {}  # in order of arrival
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, connection: HttpConnection) -> None:
        """Add a connection, unless it is here already."""
        self._since.setdefault(connection, monotonic())
        self._close_expired()

    def leave(self, connection: HttpConnection) -> None:
        """Remove a connection."""
        self._since.pop(connection, None)

    def _close_expired(self) -> None:
        now = monotonic()
        for connection, since in list(self._since.items()):
            crowded = len(self._since) > self._most
            if now - since < (_CROWDED_SECONDS if crowded else self._seconds):
                break
            self.leave(connection)
            connection.transport.close()
        if self._since and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_CROWDED_SECONDS, self._check_again)

    def _check_again(self) -> None:
        self._timer = None
        self._close_expired()


class HttpConnection(H11Protocol):
    """A connection that is in the lobby whenever it has no request in progress.

    uvicorn itself waits forever for a header, and for the rest of a request body that was refused.
    """

    def __init__(self, *args: Any, lobby: Lobby, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lobby = lobby
        self._is_open = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Enter the lobby."""
        super().connection_made(transport)
        self._is_open = True
        self._lobby.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the lobby."""
        self._mark_closed()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Process received data."""
        super().handle_events()
        self._enter_or_leave()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection over to a WebSocket."""
        self._mark_closed()
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

    def _mark_closed(self) -> None:
        self._is_open = False
        self._lobby.leave(self)


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A WebSocket that collects short binary messages; see `Collected`.

    It closes with 1007 if a text is not UTF-8; uvicorn would log a traceback. uvicorn's log lines
    about each stream, like those about requests, need `--access_log`.
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
        """Pass a message to the application, or keep it until there is more."""
        message = b"".join(self.frames)
        if self.curr_msg_data_type == "bytes" and len(message) % _SAMPLE_BYTES == 0:
            self._hand_over(self._collected.add(message))
            return
        # This message ends the stream, so the application gets the collected audio before it.
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
    """Return the factory of the connections of one server, which share a lobby; see `Lobby`."""
    lobby = Lobby(seconds, processes)

    def make(*args: Any, **options: Any) -> HttpConnection:
        return HttpConnection(*args, lobby=lobby, **options)

    return make
