"""The metrics of a server in Prometheus' text format, summed over all its processes.

prometheus_client's own mode for several processes needs a folder, named by an environment variable
before the import, and keeps files for every process that ever ran. The ledger, which exists anyway,
needs no folder and does not grow.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from .counted import (
    AUDIO_KINDS,
    FILE_OUTCOMES,
    LATENCY_BUCKETS_SECONDS,
    LATENCY_SUM,
    LIVE_STREAMS,
    PROCESSES,
    STREAM_OUTCOMES,
    audio_seconds,
    chunks_within,
    files_that,
    streams_that,
)
from .ledger import Ledger

_LATENCY_BOUNDS = (*(str(float(bound)) for bound in LATENCY_BUCKETS_SECONDS), "+Inf")


class Metrics(Collector):
    """The metrics of one server.

    Args:
        ledger: ledger that stores them.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def stream_ended(self, outcome: str) -> None:
        """Count a live stream by its outcome, one of `STREAM_OUTCOMES`."""
        self._ledger.add(streams_that(outcome))

    def file_ended(self, outcome: str) -> None:
        """Count a file by its outcome, one of `FILE_OUTCOMES`."""
        self._ledger.add(files_that(outcome))

    def heard(self, kind: str, seconds: float) -> None:
        """Add to the transcribed audio of a kind, one of `AUDIO_KINDS`."""
        self._ledger.add(audio_seconds(kind), seconds)

    def chunk_took(self, seconds: float) -> None:
        """Record the latency of a chunk of live audio, including the wait for its turn."""
        self._ledger.add(chunks_within(bisect_left(LATENCY_BUCKETS_SECONDS, seconds)))
        self._ledger.add(LATENCY_SUM, seconds)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; the interface of prometheus_client."""
        total = self._ledger.total
        yield GaugeMetricFamily(
            "stt_open_live_streams", "Live streams at this moment", total(LIVE_STREAMS)
        )
        yield GaugeMetricFamily("stt_processes", "Processes of the server", total(PROCESSES))
        streams = CounterMetricFamily(
            "stt_live_streams", "Live streams that ended, by how", labels=["outcome"]
        )
        files = CounterMetricFamily("stt_files", "Files, by how they ended", labels=["outcome"])
        audio = CounterMetricFamily(
            "stt_audio_seconds", "Audio transcribed, in seconds", labels=["kind"]
        )
        for family, labels, name_of in (
            (streams, STREAM_OUTCOMES, streams_that),
            (files, FILE_OUTCOMES, files_that),
            (audio, AUDIO_KINDS, audio_seconds),
        ):
            for label in labels:
                family.add_metric([label], total(name_of(label)))
            yield family
        yield self._latency()

    def _latency(self) -> Metric:
        buckets, count = [], 0.0
        for number, bound in enumerate(_LATENCY_BOUNDS):
            count += self._ledger.total(chunks_within(number))
            buckets.append((bound, count))
        family = HistogramMetricFamily(
            "stt_chunk_latency_seconds",
            "From a chunk of live audio to its transcript, waiting included",
        )
        family.add_metric([], buckets, self._ledger.total(LATENCY_SUM))
        return family
