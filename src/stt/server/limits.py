"""The limits of a server, and the places that clients take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .ledger import Ledger

_UPLOADS_PER_FILE = 8  # uploading takes longer than transcribing, but almost no CPU time


@dataclass(frozen=True)
class ServerLimits:
    """Limits of one server.

    Attributes:
        max_upload_megabytes: maximum size of a file.
        max_file_seconds: maximum length of a file.
        max_stream_seconds: maximum length of a live stream.
        max_streams: maximum number of simultaneous live streams.
        max_files: maximum number of files transcribed at the same time.
        min_upload_kilobytes_per_second: minimum upload speed, averaged over `idle_seconds`.
        idle_seconds: time after which a client that sends or receives nothing is disconnected.
        shutdown_seconds: time to finish running requests when the server is stopped.
    """

    max_upload_megabytes: float = 100
    max_file_seconds: float = 3600
    max_stream_seconds: float = 3600
    max_streams: int = 256
    max_files: int = 16
    min_upload_kilobytes_per_second: float = 4
    idle_seconds: float = 30
    shutdown_seconds: float = 20

    @property
    def max_upload_bytes(self) -> int:
        """Maximum size of a file in bytes."""
        return int(self.max_upload_megabytes * 1e6)

    @property
    def max_uploads(self) -> int:
        """Maximum number of simultaneous uploads."""
        return _UPLOADS_PER_FILE * self.max_files


class Slots:
    """A number of places shared by all processes of a server, like a semaphore. For one event loop.

    Args:
        ledger: ledger that counts the taken places.
        name: name of the gauge in the ledger.
        count: number of places.
    """

    def __init__(self, ledger: Ledger, name: str, count: int) -> None:
        self._ledger = ledger
        self._name = name
        self._count = count
        self._own = 0  # places taken in this process
        self._all_free = asyncio.Event()
        self._all_free.set()

    @property
    def taken(self) -> int:
        """Number of taken places."""
        return int(self._ledger.total(self._name))

    @property
    def is_full(self) -> bool:
        """Whether no place is free."""
        return self.taken >= self._count

    @contextmanager
    def take(self, refusal: Callable[[], Exception]) -> Iterator[None]:
        """Take a place for as long as the context lasts.

        Args:
            refusal: returns the exception to raise if no place is free.
        """
        if not self._ledger.claim(self._name, self._count):
            raise refusal()
        self._own += 1
        self._all_free.clear()
        try:
            yield
        finally:
            self._ledger.add(self._name, -1)
            self._own -= 1
            if not self._own:
                self._all_free.set()

    async def wait_all_free(self) -> None:
        """Wait until no place is taken in this process."""
        await self._all_free.wait()
