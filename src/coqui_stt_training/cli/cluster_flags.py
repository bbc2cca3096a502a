"""The flags of commands that can spread their work over a cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..cluster.cluster import LOCAL, Cluster
from ..errors import FlagError
from .flags import flag, not_negative

_ADDRESS = re.compile(rf"auto|{LOCAL}[1-9][0-9]{{0,3}}|(ray://)?[^\s:/]+:[0-9]+")


def _address(value: str) -> str | None:
    if not value or _ADDRESS.fullmatch(value):
        return None
    return "must be auto, HOST:PORT, ray://HOST:PORT, or local:4 for four workers on this machine"


@dataclass(frozen=True)
class ClusterFlags:
    """Cluster."""

    cluster: str = flag(
        "",
        "transcribe on workers of a Ray cluster: auto or HOST:PORT of a running one, "
        "ray://HOST:10001 from outside of it, local:4 for four workers on this machine",
        check=_address,
    )
    cluster_workers: int = flag(0, "number of workers; 0: as many as fit", check=not_negative)
    worker_cpus: int = flag(
        0,
        "cores of each worker; 0: 4, or with local:N an equal share of all",
        check=not_negative,
    )
    worker_gpus: float = flag(
        0.0, "GPUs of each worker, for checkpoints; 0.5: two workers share one", check=not_negative
    )

    def __post_init__(self) -> None:
        idle = [
            f"--{name}"
            for name in ("cluster_workers", "worker_cpus", "worker_gpus")
            if getattr(self, name) and not self.cluster
        ]
        if idle:
            raise FlagError(f"{', '.join(idle)}: has no effect without --cluster; add it")
        if self.cluster_workers and self.cluster.startswith(LOCAL):
            raise FlagError(
                f"--cluster_workers {self.cluster_workers}: --cluster {self.cluster} sets the "
                "number already; leave one out"
            )

    def chosen(self) -> Cluster | None:
        """Return the cluster; None: this process does the work."""
        if not self.cluster:
            return None
        return Cluster(self.cluster, self.cluster_workers, self.worker_cpus, self.worker_gpus)
