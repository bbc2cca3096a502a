"""uvicorn's HTTP server, extended to finish running requests before it stops."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from ..errors import FlagError, describe_system_error
from .connections import WebSocketConnection, http_connections

_log = logging.getLogger("uvicorn.error")
_MAX_MESSAGE_BYTES = 1 << 20  # a WebSocket message of 5 seconds at 96 kHz


def server_config(
    app: FastAPI,
    idle_seconds: float,
    *,
    processes: int = 1,
    ssl_certfile: str | None = None,
    ssl_keyfile: str | None = None,
    **options: Any,
) -> uvicorn.Config:
    """Return uvicorn's configuration for an application.

    Args:
        app: the application.
        idle_seconds: time that a connection may be idle.
        processes: number of processes of the server.
        ssl_certfile: certificate for HTTPS; None for HTTP.
        ssl_keyfile: private key of the certificate; None if it is in the same file.
        options: further options of uvicorn.

    Raises:
        FlagError: the certificate or its key cannot be used.
    """
    connections: Any = http_connections(idle_seconds, processes)
    config = uvicorn.Config(
        app,
        http=connections,
        ws=WebSocketConnection,
        ws_max_size=_MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # it delays audio and does not make it smaller
        # Under load, the answer to a ping would wait behind unread audio. Clients that vanished are
        # detected by `ServerLimits.idle_seconds`.
        ws_ping_interval=None,
        timeout_graceful_shutdown=2,  # for connections left after draining
        ssl_certfile=ssl_certfile,
        ssl_keyfile=ssl_keyfile,
        **options,
    )
    try:
        config.load()
    except OSError as error:
        key = f" --ssl_keyfile {ssl_keyfile}" if ssl_keyfile else ""
        raise FlagError(
            f"--ssl_certfile {ssl_certfile}{key}: {describe_system_error(error)}; give a "
            "certificate and its key as PEM files"
        ) from None
    return config


class DrainingServer(uvicorn.Server):
    """Drains at SIGINT or SIGTERM: finishes running requests and stops. A second signal stops it.

    Args:
        config: see `server_config`.
        drain: refuses new requests, and returns when running ones are done.
    """

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._wait_for_work = drain
        self._draining: asyncio.Task[None] | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether it is draining."""
        return self._draining is not None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal; called by uvicorn."""
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(self._begin_to_stop)

    def _begin_to_stop(self) -> None:
        if self.is_stopping:
            self.force_exit = self.should_exit = True
            logging.disable(logging.ERROR)  # requests aborted from now on are no errors
            return
        _log.info(
            "Finishing running requests; press Ctrl-C again or send a second signal to stop at once"
        )
        self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        await self._wait_for_work()
        self.should_exit = True
