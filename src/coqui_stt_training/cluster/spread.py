"""Work on many items, spread over the workers of a cluster, which survives the death of workers.

Ray starts and places workers, transfers their results, and reports their deaths. Retries are here,
because Ray's own retries and Ray Data do not know single recordings: they would give up a whole
block of them, or retry one that kills its worker for ever.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic

from stt.counted import counted

from ..errors import UserError
from .cluster import Cluster
from .worker import Failure, Item, Result, Work, Worker

_log = logging.getLogger(__name__)

_SECONDS_OF_A_PARCEL = 20.0  # longer: more is lost when a worker dies; shorter: more transfers
_LARGEST_PARCEL = 64
_PARCELS_OF_A_WORKER = 4  # the rest is divided at least so finely: workers finish together
_MOST_DEATHS = 3
_SECONDS_TO_WAIT = 60.0  # until a message says that no worker has started yet


def spread(
    open_work: Callable[[int], Work[Item, Result]], items: Sequence[Item], cluster: Cluster
) -> Iterator[tuple[Item, Result | UserError]]:
    """Yield each item once with its result or error, in the order in which they are done.

    When a worker dies, another one replaces it, and its items are processed again. An item is given
    up once three workers have died while processing it alone.

    Args:
        open_work: function that each worker calls with its number of cores; it returns the
            function that processes items. It and the items are pickled.
        items: hashable items, each once.
        cluster: cluster of the workers.

    Raises:
        UserError: the cluster cannot be reached, or workers cannot open their work.
    """
    if not items:
        return
    with cluster.joined() as ray:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        count = min(cluster.count_workers(machines), len(items))
        _log.info(
            "%s on %s: %s with %s each%s",
            counted(len(items), "recording"), cluster.address, counted(count, "worker"),
            counted(cluster.cores_of_a_worker, "core"), _unused_gpus(cluster, machines),
        )  # fmt: skip
        start = ray.remote(Worker).options(
            num_cpus=cluster.cores_of_a_worker,
            num_gpus=cluster.worker_gpus,
            max_restarts=0,
            scheduling_strategy="SPREAD",
        )
        equipment = (open_work, cluster.cores_of_a_worker, Path.cwd())
        yield from _Foreman(ray, lambda: start.remote(*equipment), items, count).results()


def _unused_gpus(cluster: Cluster, machines: Sequence[dict[str, float]]) -> str:
    gpus = sum(machine.get("GPU", 0) for machine in machines)
    if cluster.worker_gpus or not gpus:
        return ""
    return f"; no use of the {counted(int(gpus), 'GPU')}, see --worker_gpus"


@dataclass(frozen=True)
class _Job(Generic[Item]):
    """A call that a worker is running.

    Attributes:
        worker: Ray's handle of the worker.
        parcel: items of the call; none: the worker opens its model.
        begun_at: start of the call, in seconds of `time.monotonic`.
    """

    worker: Any
    parcel: tuple[Item, ...] = ()
    begun_at: float = field(default_factory=time.monotonic)


class _Foreman(Generic[Item, Result]):
    """Gives parcels of items to workers, and collects their results."""

    def __init__(
        self, ray: Any, start_worker: Callable[[], Any], items: Sequence[Item], workers: int
    ) -> None:
        self._ray = ray
        self._start_worker = start_worker
        self._count = workers
        self._waiting = deque(items)
        self._suspects: deque[Item] = deque()  # items of workers that died
        self._deaths: dict[Item, int] = {}  # of workers that processed this item alone
        self._deaths_at_opening = 0
        self._jobs: dict[Any, _Job[Item]] = {}  # by Ray's reference to their results
        self._idle: list[Any] = []
        self._is_open = False
        self._mean_seconds = _SECONDS_OF_A_PARCEL  # moving average of the time of an item

    def results(self) -> Iterator[tuple[Item, Result | UserError]]:
        """Yield each item with its result or error."""
        for _ in range(self._count):
            self._open_another()
        while self._hand_out():
            timeout = None if self._is_open else _SECONDS_TO_WAIT
            done, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=timeout)
            if not done:
                _log.info(
                    "Waiting for workers: the cluster has no room, or models are being loaded"
                )
            for promise in done:
                yield from self._ended(promise)

    def _open_another(self) -> None:
        worker = self._start_worker()
        self._jobs[worker.open.remote()] = _Job(worker)

    def _hand_out(self) -> bool:
        """Give parcels to idle workers; return whether items are left or being processed."""
        while self._idle and (parcel := self._next_parcel()):
            worker = self._idle.pop()
            self._jobs[worker.process.remote(parcel)] = _Job(worker, parcel)
        is_left = bool(self._waiting or self._suspects)
        return is_left or any(job.parcel for job in self._jobs.values())

    def _next_parcel(self) -> tuple[Item, ...]:
        """Take the next parcel: a suspect item alone, else several waiting items."""
        if self._suspects:
            return (self._suspects.popleft(),)
        count = min(
            _LARGEST_PARCEL,
            int(_SECONDS_OF_A_PARCEL / max(self._mean_seconds, 1e-3)),
            len(self._waiting) // (_PARCELS_OF_A_WORKER * self._count),
        )
        return tuple(self._waiting.popleft() for _ in range(min(max(1, count), len(self._waiting))))

    def _ended(self, promise: Any) -> Iterator[tuple[Item, Result | UserError]]:
        job = self._jobs.pop(promise)
        try:
            answer = self._ray.get(promise)
        except self._ray.exceptions.RayError as error:
            yield from self._failed(job, error)
            return
        if isinstance(answer, Failure):
            raise UserError(
                f"a worker cannot start: {answer.message}; all machines of the cluster need "
                "models and recordings under the same paths"
            )
        self._is_open, self._deaths_at_opening = True, 0
        self._idle.append(job.worker)
        if job.parcel:
            seconds = (time.monotonic() - job.begun_at) / len(job.parcel)
            self._mean_seconds += 0.3 * (seconds - self._mean_seconds)
            for item, found in answer:
                yield item, UserError(found.message) if isinstance(found, Failure) else found

    def _failed(self, job: _Job[Item], error: Exception) -> Iterator[tuple[Item, UserError]]:
        """Replace a worker that exited, and put its items back, or give up an item.

        An exception in the worker's code is a bug, and the worker goes on: an item that raises it
        when alone is not tried again.
        """
        is_fault = isinstance(error, self._ray.exceptions.RayTaskError)
        reason = " ".join(str(error).split())[-300 if is_fault else 0 :][:300]
        if not job.parcel:
            self._deaths_at_opening += 1
            if is_fault:
                raise UserError(f"a worker cannot load the model: {reason}") from None
            if self._deaths_at_opening >= _MOST_DEATHS:
                raise UserError(
                    "workers exit before they start; check that there is enough memory for the "
                    f"model: {reason}"
                ) from None
            _log.warning("A worker exited; another one loads the model instead")
        if is_fault:
            self._idle.append(job.worker)
        else:
            self._open_another()
        if len(job.parcel) == 1:
            yield from self._blamed(job.parcel[0], is_fault, reason)
        elif job.parcel:
            what = f"failed ({reason})" if is_fault else "exited"
            _log.warning(
                "A worker %s; others continue with its %d recordings", what, len(job.parcel)
            )
            self._suspects.extend(job.parcel)

    def _blamed(self, item: Item, is_fault: bool, reason: str) -> Iterator[tuple[Item, UserError]]:
        """Retry or give up an item whose worker failed while processing it alone."""
        deaths = self._deaths[item] = self._deaths.get(item, 0) + 1
        if is_fault:
            yield item, UserError(f"{item}: {reason}")
        elif deaths >= _MOST_DEATHS:
            yield item, UserError(f"{item}: {deaths} workers exited while processing it: {reason}")
        else:
            _log.warning("A worker exited; another one continues with %s", item)
            self._suspects.append(item)
