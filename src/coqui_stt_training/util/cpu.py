"""The number of available cores, under upstream's name."""

from __future__ import annotations

from stt.cores import available_cores as available_cpu_count

__all__ = ["available_cpu_count"]
