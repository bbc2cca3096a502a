"""A Ray cluster: its address, the size of its workers, and how many fit."""

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
    """A cluster on which workers run, each with its own copy of the model.

    Attributes:
        address: `auto`, `HOST:PORT` or `ray://HOST:PORT` of a running cluster; `local:N` starts N
            workers on this machine, and ends them.
        workers: number of workers; 0: as many as fit.
        worker_cpus: cores of each worker; 0: four, or an equal share of a local cluster's cores.
        worker_gpus: GPUs of each worker; less than one where workers share a GPU.
    """

    address: str
    workers: int = 0
    worker_cpus: int = 0
    worker_gpus: float = 0.0

    @property
    def local_workers(self) -> int:
        """Number of workers to start on this machine; 0: the cluster is not a local one."""
        return int(self.address.removeprefix(LOCAL)) if self.address.startswith(LOCAL) else 0

    @property
    def cores_of_a_worker(self) -> int:
        """Number of cores of each worker."""
        if self.worker_cpus or not self.local_workers:
            return self.worker_cpus or _CORES_OF_A_WORKER
        return max(1, available_cores() // self.local_workers)

    @contextmanager
    def joined(self) -> Iterator[Any]:
        """Yield the module `ray`, connected to the cluster; a local cluster ends with the context.

        Raises:
            FlagError: Ray is not installed, or the cluster cannot be reached.
        """
        try:
            # Ray sends no usage statistics, unless the user has allowed it in the environment.
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
        """Return the number of workers to run.

        Args:
            machines: Ray's resources of each machine: `CPU` and `GPU`.

        Raises:
            FlagError: no number is set, and no machine has room for a worker.
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
