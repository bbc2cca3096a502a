"""The names of the gauges and counters in a server's ledger."""

from __future__ import annotations

from .ledger import Ledger

LIVE_STREAMS, FILES, UPLOADS, UPLOAD_BYTES = "live streams", "files", "uploads", "upload bytes"
PROCESSES = "processes"  # that serve requests
CLOSED_CONNECTIONS = "closed connections"  # of those handed over to a process

STREAM_OUTCOMES = (
    "done", "failed", "vanished", "busy", "stopping", "idle", "too_long",
    "bad_audio", "bad_message", "bad_parameter", "unknown_host", "foreign_origin", "no_token",
)  # fmt: skip
FILE_OUTCOMES = ("done", "refused", "failed")
AUDIO_KINDS = ("live", "file")
LATENCY_BUCKETS_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
LATENCY_SUM = "latency, sum of seconds"


def streams_that(outcome: str) -> str:
    """Return the name of the counter of live streams with an outcome."""
    return f"streams that ended: {outcome}"


def files_that(outcome: str) -> str:
    """Return the name of the counter of files with an outcome."""
    return f"files that ended: {outcome}"


def audio_seconds(kind: str) -> str:
    """Return the name of the counter of transcribed audio of a kind."""
    return f"seconds of audio: {kind}"


def chunks_within(bucket: int) -> str:
    """Return the name of the counter of chunks in a latency bucket; the last has no upper bound."""
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
    """Return the ledger of a server with a single process."""
    return Ledger(_GAUGES, _COUNTERS)


def shared_ledger(file: int, *, processes: int, row: int = 0) -> Ledger:
    """Return the ledger that several processes share; see `Ledger`."""
    return Ledger(_GAUGES, _COUNTERS, processes=processes, row=row, file=file)
