"""A model of how training scales: of summing gradients, of waiting, and of failures.

    python benchmarks/communication.py --parameters 600e6 --step_seconds 0.5 --gpus 8 64 256 1000

Nothing is measured. All numbers are computed from the flags, by these rules:

- Summing S bytes over n GPUs takes 2 (n-1) latencies and 2 (n-1)/n S / bandwidth with a ring, or 4
  log2(machines) latencies and the same transfers with a tree (NCCL uses the faster one:
  https://developer.nvidia.com/blog/massively-scale-deep-learning-training-nccl-2-4/). The bandwidth
  is that of a machine's network, or, within one machine, of the links of its GPUs.
- Buckets are summed while earlier layers are computed. So a step waits only for the last bucket,
  and for the time that summing takes longer than the backward pass.
- A step waits for the slowest process. If the computing time has a standard deviation, the slowest
  of n processes takes sqrt(2 ln n) of them longer (an upper bound of the mean of the largest of n
  normal values).
- A GPU and its parts fail once in a number of hours. Then everything after the last checkpoint is
  computed again, and all processes restart. Llama 3 had 50,000 hours between failures: 419 failures
  of 16,384 GPUs in 54 days (https://arxiv.org/abs/2407.21783, section 3.3.4).
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Cluster:
    """Machines and the network between them.

    Attributes:
        gpus_per_machine: number of GPUs of each machine.
        links: bytes per second from a GPU to another one in the same machine.
        network: bytes per second from a machine to another one, over all its adapters.
        latency: seconds that a message takes.
    """

    gpus_per_machine: int
    links: float
    network: float
    latency: float

    def sum_seconds(self, size: float, gpus: int) -> float:
        """Return the time to sum a number of bytes over a number of GPUs."""
        if gpus == 1:
            return 0.0
        machines = math.ceil(gpus / self.gpus_per_machine)
        bandwidth = self.links if machines == 1 else min(self.links, self.network)
        hops = min(2 * (gpus - 1), 4 * math.ceil(math.log2(max(2, machines))))
        return hops * self.latency + 2 * (gpus - 1) / gpus * size / bandwidth


@dataclass(frozen=True)
class Run:
    """A training run.

    Attributes:
        parameters: number of trained parameters, 4 bytes each.
        step_seconds: computing time of a step: forward, backward and update.
        backward: share of the backward pass in it.
        spread: standard deviation of the computing time of processes, as a share of the mean.
        bucket: bytes that are summed at once.
        checkpoint_seconds: time between checkpoints.
        restart_seconds: time from a failure to the first step after it.
        hours_between_failures: hours between failures of one GPU.
    """

    parameters: float
    step_seconds: float
    backward: float
    spread: float
    bucket: float
    checkpoint_seconds: float
    restart_seconds: float
    hours_between_failures: float

    def bucket_seconds(self, cluster: Cluster, gpus: int) -> float:
        """Return the time to sum one bucket."""
        return cluster.sum_seconds(4 * self.parameters / self._buckets, gpus)

    def sum_seconds(self, cluster: Cluster, gpus: int) -> float:
        """Return the time to sum all buckets."""
        return self._buckets * self.bucket_seconds(cluster, gpus)

    @property
    def _buckets(self) -> int:
        return math.ceil(4 * self.parameters / self.bucket)

    def shown_seconds(self, cluster: Cluster, gpus: int) -> float:
        """Return the time that a step waits for summing."""
        last = self.bucket_seconds(cluster, gpus)
        rest = self.sum_seconds(cluster, gpus) - last
        return last + max(0.0, rest - self.backward * self.step_seconds)

    def waited_seconds(self, gpus: int) -> float:
        """Return the time that a step waits for the slowest process."""
        return self.step_seconds * self.spread * math.sqrt(2 * math.log(gpus))

    def lost(self, gpus: int) -> float:
        """Return the share of the time that is lost by failures."""
        seconds = self.hours_between_failures * 3600 / gpus
        return min(1.0, (self.checkpoint_seconds / 2 + self.restart_seconds) / seconds)

    def efficiency(self, cluster: Cluster, gpus: int) -> float:
        """Return the share of the time that one GPU alone would need, too."""
        step = self.step_seconds + self.shown_seconds(cluster, gpus) + self.waited_seconds(gpus)
        return self.step_seconds / step * (1 - self.lost(gpus))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parameters", type=float, default=600e6)
    parser.add_argument("--step_seconds", type=float, default=0.5)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64, 256, 1000])
    parser.add_argument("--gpus_per_machine", type=int, default=8)
    parser.add_argument("--links_gigabytes", type=float, default=400.0, help="a second")
    parser.add_argument("--network_gigabytes", type=float, default=50.0, help="a second")
    parser.add_argument("--latency_microseconds", type=float, default=10.0)
    parser.add_argument("--backward", type=float, default=0.6)
    parser.add_argument("--spread", type=float, default=0.02)
    parser.add_argument("--bucket_megabytes", type=float, default=25.0)
    parser.add_argument("--checkpoint_seconds", type=float, default=600.0)
    parser.add_argument("--restart_seconds", type=float, default=300.0)
    parser.add_argument("--hours_between_failures", type=float, default=50_000.0)
    args = parser.parse_args()
    cluster = Cluster(
        args.gpus_per_machine, args.links_gigabytes * 1e9, args.network_gigabytes * 1e9,
        args.latency_microseconds / 1e6,
    )  # fmt: skip
    run = Run(
        args.parameters, args.step_seconds, args.backward, args.spread,
        args.bucket_megabytes * 1e6, args.checkpoint_seconds, args.restart_seconds,
        args.hours_between_failures,
    )  # fmt: skip
    print("| GPUs | summing | of it shown | waiting for the slowest | failures | efficiency |")
    print("|---|---|---|---|---|---|")
    for gpus in args.gpus:
        summing = 1000 * run.sum_seconds(cluster, gpus)
        shown, waited = 1000 * run.shown_seconds(cluster, gpus), 1000 * run.waited_seconds(gpus)
        print(
            f"| {gpus:,} | {summing:.0f} ms | {shown:.1f} ms | {waited:.0f} ms | "
            f"{100 * run.lost(gpus):.2f} % | {100 * run.efficiency(cluster, gpus):.0f} % |"
        )


if __name__ == "__main__":
    main()
