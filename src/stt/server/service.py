"""The objects that the endpoints of a server share: model, limits, counters, worker threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from ..cores import available_cores
from ..model import Model
from ..words import Word
from .counted import FILES, LIVE_STREAMS, own_ledger
from .ledger import Ledger
from .limits import ServerLimits, Slots
from .metrics import Metrics
from .turns import Turns
from .uploads import Uploads

SLICE_SECONDS = 0.5  # audio in one turn of a worker thread; bounds the wait of other clients

Result = TypeVar("Result")


class Service:
    """A model that serves many clients.

    Worker threads transcribe in turns of half a second of audio, first come first served, so that
    clients with much audio do not block the others. There are as many threads as cores. There are
    more if the model batches the chunks of several streams: chunks that arrive while a batch is
    computed form the next batch.

    Args:
        model: loaded model.
        limits: limits of all processes of the server together.
        ledger: ledger shared by these processes; None for a server of one process.
        cores: number of cores for this process; None uses all.
    """

    def __init__(
        self,
        model: Model,
        limits: ServerLimits,
        ledger: Ledger | None = None,
        *,
        cores: int | None = None,
    ) -> None:
        self.model = model
        self.limits = limits
        self.ledger = ledger = ledger or own_ledger()
        self.metrics = Metrics(ledger)
        self.streams = Slots(ledger, LIVE_STREAMS, limits.max_streams)
        self.files = Slots(ledger, FILES, limits.max_files)
        self.uploads = Uploads(limits, ledger)
        self.draining = asyncio.Event()
        self._turns = Turns(model.streams_on(cores or available_cores()))

    @property
    def slice_samples(self) -> int:
        """Number of samples in one turn of a worker thread."""
        return int(SLICE_SECONDS * self.model.sample_rate())

    async def run(self, work: Callable[..., Result], *args: Any) -> Result:
        """Run one turn of work in a worker thread."""
        return await self._turns.run(work, *args)

    async def drain(self) -> None:
        """Refuse new requests, and wait for running ones, at most `shutdown_seconds`."""
        self.draining.set()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._all_done(), self.limits.shutdown_seconds)

    async def _all_done(self) -> None:
        await self.uploads.places.wait_all_free()  # a finished upload takes a place in `files`
        await asyncio.gather(self.streams.wait_all_free(), self.files.wait_all_free())

    def close(self) -> None:
        """End the worker threads."""
        self._turns.close()


def describe_word(word: Word) -> dict[str, Any]:
    """Return a word as JSON, times in seconds."""
    return {
        "word": word.text,
        "start": round(word.start_time, 3),
        "end": round(word.end_time, 3),
        "confidence": round(word.confidence, 4),
        "spaced": word.spaced,
    }
