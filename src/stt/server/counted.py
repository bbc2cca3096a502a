"""The numbers in a server's ledger: what there is of each, and what it is called."""

from __future__ import annotations

from .ledger import Ledger

LIVE_STREAMS, FILES, UPLOADS, UPLOAD_BYTES = "live streams", "files", "uploads", "upload bytes"
PROCESSES = "processes"  # that take work
CLOSED_CONNECTIONS = "closed connections"  # of those that were handed to a process

STREAM_OUTCOMES = (
    "done", "failed", "vanished", "busy", "stopping", "idle", "too_long",
    "bad_audio", "bad_message", "bad_parameter", "unknown_host", "foreign_origin", "no_token",
)  # fmt: skip
FILE_OUTCOMES = ("done", "refused", "failed")
AUDIO_KINDS = ("live", "file")
LATENCY_BUCKETS_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
LATENCY_SUM = "latency, sum of seconds"


def streams_that(outcome: str) -> str:
    """Return the name of how many live streams ended so."""
    return f"streams that ended: {outcome}"


def files_that(outcome: str) -> str:
    """Return the name of how many files ended so."""
    return f"files that ended: {outcome}"


def audio_seconds(kind: str) -> str:
    """Return the name of how much audio was transcribed."""
    return f"seconds of audio: {kind}"


def chunks_within(bucket: int) -> str:
    """Return the name of how many chunks fell into a bucket; the last is for all that are later."""
    return f"latency, bucket {bucket}"


_GAUGES = (PROCESSES, LIVE_STREAMS, FILES, UPLOADS, UPLOAD_BYTES, CLOSED_CONNECTIONS)
_COUNTERS = (
    *map(streams_that, STREAM_OUTCOMES),
    *map(files_that, FILE_OUTCOMES),
    *map(audio_seconds, AUDIO_KINDS),
    *map(chunks_within, range(len(LATENCY_BUCKETS_SECONDS) + 1)),
    LATENCY_SUM,
)


def own_ledger() -> Ledger:
    """Return the ledger of a server that is one process."""
    return Ledger(_GAUGES, _COUNTERS)


def shared_ledger(file: int, *, processes: int, row: int = 0) -> Ledger:
    """Return the ledger that several processes share; see `Ledger`."""
    return Ledger(_GAUGES, _COUNTERS, processes=processes, row=row, file=file)
