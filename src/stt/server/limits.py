"""What a server grants, and the count of what it has granted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .ledger import Ledger

_UPLOADS_PER_FILE = 8  # to be received takes longer than to be transcribed, but no processor


@dataclass(frozen=True)
class ServerLimits:
    """What one server does at most.

    Attributes:
        max_upload_megabytes: of one file.
        max_file_seconds: of audio in one file.
        max_stream_seconds: of audio in one live stream.
        max_streams: live streams at the same time.
        max_files: files at the same time.
        min_upload_kilobytes_per_second: what must arrive of a file, over `idle_seconds`.
        idle_seconds: how long a client may send nothing, or take nothing.
        shutdown_seconds: how long those at work may take to finish when the server is stopped.
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
        """Size of the largest file."""
        return int(self.max_upload_megabytes * 1e6)

    @property
    def max_uploads(self) -> int:
        """Files on their way at the same time."""
        return _UPLOADS_PER_FILE * self.max_files


class Slots:
    """A number of places, of all processes of a server; each is taken or free. For one event loop.

    Args:
        ledger: where they are counted.
        name: of the number there.
        count: how many there are.
    """

    def __init__(self, ledger: Ledger, name: str, count: int) -> None:
        self._ledger = ledger
        self._name = name
        self._count = count
        self._own = 0  # taken in this process
        self._all_free = asyncio.Event()
        self._all_free.set()

    @property
    def taken(self) -> int:
        """How many are taken."""
        return int(self._ledger.total(self._name))

    @property
    def is_full(self) -> bool:
        """Whether none is free."""
        return self.taken >= self._count

    @contextmanager
    def take(self, refusal: Callable[[], Exception]) -> Iterator[None]:
        """Take a place for as long as the context lasts.

        Args:
            refusal: makes what is raised where none is free.
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
        """Wait until nobody has a place in this process."""
        await self._all_free.wait()
