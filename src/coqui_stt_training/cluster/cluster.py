"""A Ray cluster: which one, how large its workers are, and how many it has room for."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from stt.cores import available_cores
from stt.extras import missing_packages
from stt.hub import first_line

from ..errors import FlagError

LOCAL = "local:"
_CORES_OF_A_WORKER = 4


@dataclass(frozen=True)
class Cluster:
    """Where workers run, each with a model of its own.

    Attributes:
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT` of a cluster that runs; `local:N` starts N
            workers on this machine, and ends them.
        workers: how many; 0: as many as there is room for.
        worker_cpus: cores of each; 0: four, of a local cluster an equal part of what there is.
        worker_gpus: of each; less than one where several share one.
    """

    address: str
    workers: int = 0
    worker_cpus: int = 0
    worker_gpus: float = 0.0

    @property
    def local_workers(self) -> int:
        """How many workers are to be started on this machine; 0: it is another cluster."""
        return int(self.address.removeprefix(LOCAL)) if self.address.startswith(LOCAL) else 0

    @property
    def cores_of_a_worker(self) -> int:
        """How many cores each worker has."""
        if self.worker_cpus or not self.local_workers:
            return self.worker_cpus or _CORES_OF_A_WORKER
        return max(1, available_cores() // self.local_workers)

    @contextmanager
    def joined(self) -> Iterator[Any]:
        """Yield Ray, connected to the cluster; a local one ends with the context.

        Raises:
            FlagError: Ray is not installed, or there is no such cluster.
        """
        try:
            # Nothing is told to anybody; and no cluster in which a run happens is changed by it.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            import ray
        except ModuleNotFoundError:
            raise FlagError(f"--cluster: {missing_packages('ray', 'cluster')}") from None
        quiet: dict[str, Any] = {"logging_level": "ERROR", "log_to_driver": True}
        if count := self.local_workers:
            quiet["include_dashboard"] = False
            ray.init(num_cpus=count * self.cores_of_a_worker, **quiet)
        else:
            try:
                ray.init(address=self.address, **quiet)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise FlagError(
                    f"--cluster {self.address}: cannot connect ({first_line(error)}); start a "
                    "cluster with `ray start --head`, or use local:2, which needs none"
                ) from None
        try:
            yield ray
        finally:
            ray.shutdown()

    def count_workers(self, machines: Sequence[Mapping[str, float]]) -> int:
        """Return how many workers are to run.

        Args:
            machines: what each has, as Ray says it: `CPU` and `GPU`.

        Raises:
            FlagError: as many as there is room for were asked for, and there is none.
        """
        if self.local_workers or self.workers:
            return self.local_workers or self.workers
        count = sum(map(self._room, machines))
        if not count:
            most = max((machine.get("CPU", 0) for machine in machines), default=0)
            gpus = max((machine.get("GPU", 0) for machine in machines), default=0)
            raise FlagError(
                f"--cluster {self.address}: no machine has room for a worker with "
                f"{self.cores_of_a_worker} CPUs and {self.worker_gpus:g} GPUs; the largest has "
                f"{most:g} and {gpus:g}: lower --worker_cpus or --worker_gpus, or give "
                "--cluster_workers if more machines will join"
            )
        return count

    def _room(self, machine: Mapping[str, float]) -> int:
        room = machine.get("CPU", 0) // self.cores_of_a_worker
        if self.worker_gpus:
            room = min(room, machine.get("GPU", 0) // self.worker_gpus)
        return int(room)
