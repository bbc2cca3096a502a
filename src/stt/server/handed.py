"""The HTTP server of a worker process, which gets its connections from the supervisor."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn

from .counted import CLOSED_CONNECTIONS
from .draining import DrainingServer
from .ledger import Ledger
from .worker_process import HAND_OVER, LEAVING, STOP

_MOST_AT_ONCE = 64


class HandedServer(DrainingServer):
    """Serves the connections that it receives through a socket, until it is told to stop.

    Args:
        config: see `server_config`.
        drain: refuses new requests, and returns when running ones are done.
        control: socket to the supervisor; see `worker_process.py`.
        ledger: ledger in which it counts closed connections.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        drain: Callable[[], Awaitable[None]],
        control: socket.socket,
        ledger: Ledger,
    ) -> None:
        super().__init__(config, drain)
        self._control = control
        self._ledger = ledger
        self._handed_over = 0
        self._opening: set[asyncio.Task[None]] = set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the supervisor."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen to the supervisor only; called by uvicorn."""
        await super().startup(sockets=[])
        self._control.setblocking(False)
        asyncio.get_running_loop().add_reader(self._control, self._receive)

    async def on_tick(self, counter: int) -> bool:
        """Update the number of closed connections; called by uvicorn ten times per second."""
        still_open = len(self.server_state.connections) + len(self._opening)
        self._ledger.set(CLOSED_CONNECTIONS, self._handed_over - still_open)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new connections, and end; called by uvicorn."""
        with suppress(OSError):  # the supervisor is gone
            self._control.send(json.dumps({LEAVING: True}).encode() + b"\n")
        self._receive()
        asyncio.get_running_loop().remove_reader(self._control)
        await super().shutdown(sockets)

    def _receive(self) -> None:
        try:
            data, files, _, _ = socket.recv_fds(self._control, _MOST_AT_ONCE, _MOST_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            data, files = b"", []
        if not data:  # the supervisor is gone, so there will be no more connections
            asyncio.get_running_loop().remove_reader(self._control)
            if not self.is_stopping:
                self._begin_to_stop()
            return
        # If no descriptors are left, HAND_OVER arrives without one, but still counts.
        self._handed_over += data.count(HAND_OVER)
        for file in files:
            opening = asyncio.get_running_loop().create_task(self._open(file))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        for _ in range(data.count(STOP)):
            self._begin_to_stop()

    async def _open(self, file: int) -> None:
        loop = asyncio.get_running_loop()
        connection = socket.socket(fileno=file)
        connection.setblocking(False)
        try:
            await loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl)
        except OSError:  # the client closed it meanwhile, or does not speak TLS
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        # As uvicorn does for connections that it accepts itself.
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )
