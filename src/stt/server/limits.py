"""What a server grants, and the count of what it has granted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_UPLOADS_PER_FILE = 8  # to be received takes longer than to be transcribed, but no processor


@dataclass(frozen=True)
class Limits:
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
    """A number of places; each is taken or free. For one event loop."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._all_free = asyncio.Event()
        self._all_free.set()

    @property
    def taken(self) -> int:
        """How many are taken."""
        return self._taken

    @property
    def is_full(self) -> bool:
        """Whether none is free."""
        return self._taken >= self._count

    @contextmanager
    def take(self) -> Iterator[None]:
        """Take a place for as long as the context lasts; look at `is_full` first."""
        self._taken += 1
        self._all_free.clear()
        try:
            yield
        finally:
            self._taken -= 1
            if not self._taken:
                self._all_free.set()

    async def wait_all_free(self) -> None:
        """Wait until nobody has a place."""
        await self._all_free.wait()
