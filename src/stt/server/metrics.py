"""What a server counts, in Prometheus' text format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_LATENCY_BUCKETS_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.live_streams = Gauge(
            "stt_open_live_streams", "Live streams at this moment", registry=self._registry
        )
        self.streams = Counter(
            "stt_live_streams_total",
            "Live streams that ended, by how",
            ["outcome"],
            registry=self._registry,
        )
        self.files = Counter(
            "stt_files_total", "Files, by how they ended", ["outcome"], registry=self._registry
        )
        self.audio_seconds = Counter(
            "stt_audio_seconds_total",
            "Audio transcribed, in seconds",
            ["kind"],
            registry=self._registry,
        )
        self.live_audio_seconds = self.audio_seconds.labels("live")
        self.latency_seconds = Histogram(
            "stt_chunk_latency_seconds",
            "From a chunk of live audio to its transcript, waiting included",
            buckets=_LATENCY_BUCKETS_SECONDS,
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return all values."""
        return generate_latest(self._registry)
