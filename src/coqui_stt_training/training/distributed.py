"""Data-parallel training: the processes of one run train on different batches.

Each process has a copy of the weights, or a shard of each weight: see `sharding.py`.

A step equals one in a single process that accumulates the gradients of as many batches
(`--gradient_accumulation_steps`): gradients are summed over the processes and divided by the total
number of clips. So processes may have different numbers of batches in a step, even none, and clips
of any length.

Everything that follows from the seed and the position is computed alike in all processes, without
communication: the order of batches, the weights. What only one process knows is communicated at
fixed places: the loss of a step, signals, the clock, results of validation. The first process
writes all files.
"""

from __future__ import annotations

import atexit
import gc
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed as dist

from ..cli.launch import Launch
from ..errors import ElsewhereError, FlagError, TrainingError, UserError
from ..models.acoustic_model import AcousticModel
from ..models.tensors import all_of, arrays_of, is_part
from .gradients import Gradients, SummedGradients
from .lost_process import talking
from .meeting import meeting

# A step waits this long for the slowest process; then the run counts as stuck.
_STEP_TIMEOUT = timedelta(minutes=30)
# The others wait this long for work of the first, such as checking each file of a large corpus.
_ALONE_TIMEOUT = timedelta(days=2)

Item = TypeVar("Item")


@dataclass(frozen=True)
class World:
    """All processes of a run. This class is for one; its methods need no communication.

    Attributes:
        rank: number of this process.
        size: number of processes.
        local_size: number of processes on this machine.
        device: device of this process; None: the one that `machine.py` finds.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1
    device: torch.device | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process logs and writes files for all."""
        return self.rank == 0

    @property
    def shares_weights(self) -> bool:
        """Whether weights are sharded; then no process can run the trained model alone."""
        return False

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Return this process's part of a list: every `size`-th item."""
        return list(items[self.rank :: self.size])

    def merge(self, results: Sequence[Item]) -> list[Item]:
        """Return the results of all processes for their shares, in the order of the whole list."""
        return list(results)

    def gather(self, item: Item) -> list[Item]:
        """Return the item of each process."""
        return [item]

    def total(self, *values: float) -> list[float]:
        """Return each value summed over the processes; not finite if one of them is not."""
        return list(values)

    def any(self, *marks: bool) -> list[bool]:
        """Return for each mark whether it is true in any process."""
        return [value > 0 for value in self.total(*map(float, marks))]

    def of_all(self, error: UserError) -> UserError:
        """Return the error to raise if all processes found it: only the first reports it."""
        return error if self.is_first else ElsewhereError(str(error))

    def first(self, work: Callable[[], Item]) -> Item:
        """Let the first process do something, and return the result in all.

        Raises:
            ElsewhereError: in the other processes, if it failed in the first.
        """
        return work()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run the body in all processes; if it fails in one, all end.

        Raises:
            ElsewhereError: in the processes in which it did not fail.
        """
        yield

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Run the body in the first process, then in the others; if it fails in one, all end.

        Raises:
            ElsewhereError: in the processes in which it did not fail.
        """
        yield

    def check_alike(self, find: Callable[[], Mapping[str, str]]) -> None:
        """Check that all processes have the same inputs.

        Args:
            find: returns digests of the inputs by their names.

        Raises:
            TrainingError: the digests differ.
        """

    def place(self, model: AcousticModel, device: torch.device) -> None:
        """Move a model to the device, or only this process's shard."""
        model.to(device)

    def whole(self, model: AcousticModel) -> AcousticModel:
        """Return a model with unsharded weights, which this process can run alone.

        Args:
            model: the model in training, or the one with the average of its weights.
        """
        return model

    def arrays(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.float32]]:
        """Return unsharded tensors as arrays in the first process, and nothing in the others."""
        return arrays_of(tensors)

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Run the body, which does a forward or backward pass of the model in training.

        Raises:
            TrainingError: in the first process, if a pass needs all processes and one has ended.
            ElsewhereError: in the others.
        """
        yield

    def copy_first_(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace the values of tensors by those of the first process.

        Args:
            tensors: tensors, of the same shapes in all processes; sharded ones are not changed.
        """

    def average_(self, tensors: Sequence[torch.Tensor], weight: float) -> None:
        """Replace the values of tensors by the weighted mean over the processes.

        Args:
            tensors: float tensors, of the same shapes in all processes.
            weight: weight of this process.
        """

    def gradients(self, parameters: Sequence[torch.nn.Parameter]) -> Gradients:
        """Return the object that sums the gradients of parameters over the processes."""
        return Gradients()


ALONE = World()


@dataclass(frozen=True)
class Processes(World):
    """Several processes.

    Attributes:
        group: process group for everything but tensors: on CPUs, with a long timeout.
    """

    group: Any = field(default=None, kw_only=True)

    def gather(self, item: Item) -> list[Item]:
        """Return the item of each process. Items are pickled: these processes trust each other."""
        every: list[Any] = [None] * self.size
        with talking():
            dist.all_gather_object(every, item, group=self.group)
        return every

    def merge(self, results: Sequence[Item]) -> list[Item]:
        """Return the results of all processes; see `World`."""
        parts = self.gather(list(results))
        count = sum(map(len, parts))
        return [parts[place % self.size][place // self.size] for place in range(count)]

    def total(self, *values: float) -> list[float]:
        """Sum over the processes; see `World`."""
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        with talking():
            dist.all_reduce(summed)
        totals: list[float] = summed.tolist()
        return totals

    def first(self, work: Callable[[], Item]) -> Item:
        """Let the first process do something; see `World`."""
        made: list[Any] = [None, False]
        failure: Exception | None = None
        if self.is_first:
            try:
                made = [work(), True]
            except Exception as error:  # whatever it is, the others wait for it
                failure = error
        with talking():
            dist.broadcast_object_list(made, src=0, group=self.group)
        if failure:
            raise failure
        if not made[1]:
            raise ElsewhereError("the first process of the run failed")
        result: Item = made[0]
        return result

    @contextmanager
    def together(self) -> Iterator[None]:
        """Run the body in all processes; see `World`."""
        failure: Exception | None = None
        try:
            yield
        except Exception as error:  # whatever it is, the others wait for it
            failure = error
        self._agree(failure)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Run the body in the first process first; see `World`."""
        if not self.is_first:
            self._agree(None)
        with self.together():
            yield
        if self.is_first:
            self._agree(None)

    def _agree(self, failure: Exception | None) -> None:
        """Raise if a process failed: `failure` in the first such one, else `ElsewhereError`."""
        failed = [rank for rank, bad in enumerate(self.gather(failure is not None)) if bad]
        if not failed:
            return
        if failure and failed[0] == self.rank:
            if isinstance(failure, UserError) and self.rank:
                where = f"process {self.rank}, on {socket.gethostname()}"
                raise type(failure)(f"{where}: {failure}") from None
            raise failure
        raise ElsewhereError(f"process {failed[0]} of the run failed")

    def check_alike(self, find: Callable[[], Mapping[str, str]]) -> None:
        """Check that all have the same inputs; see `World`."""
        every = self.gather((dict(find()), socket.gethostname()))
        first, _ = every[0]
        for rank, (theirs, host) in enumerate(every):
            different = [name for name, digest in first.items() if theirs.get(name) != digest]
            if different:
                if not self.is_first:
                    raise ElsewhereError("different processes")
                raise TrainingError(
                    f"process {rank}, on {host}, has other {' and '.join(different)} than the "
                    "first: all processes must see the same files. Put data, source and "
                    "checkpoints on a disk that all machines share, under the same path, and "
                    "install the same release of this toolkit on each"
                )

    def arrays(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.float32]]:
        """Return unsharded tensors in the first process; see `World`."""
        found: dict[str, NDArray[np.float32]] = {}
        for name, tensor in tensors.items():  # one by one: all may not fit on a GPU
            with talking():
                values = all_of(tensor)
            if self.is_first:
                found |= arrays_of({name: values})
        return found

    def copy_first_(self, tensors: Sequence[torch.Tensor]) -> None:
        """Take the values of the first process; see `World`."""
        for tensor in tensors:
            if is_part(tensor):
                continue
            dense = tensor.contiguous()
            with talking():
                dist.broadcast(dense, src=0)
            tensor.copy_(dense)

    def average_(self, tensors: Sequence[torch.Tensor], weight: float) -> None:
        """Take the mean over the processes; see `World`."""
        if not tensors:
            return
        ones = tensors[0].new_ones(1)
        flat = weight * torch.cat([ones, *(tensor.reshape(-1) for tensor in tensors)])
        with talking():
            dist.all_reduce(flat)
        means = (flat[1:] / flat[0]).split_with_sizes([tensor.numel() for tensor in tensors])
        for tensor, mean in zip(tensors, means, strict=True):
            tensor.copy_(mean.view_as(tensor))

    def gradients(self, parameters: Sequence[torch.nn.Parameter]) -> Gradients:
        """Return the object that sums gradients; see `World`."""
        return SummedGradients(parameters)


@contextmanager
def joined(launch: Launch, *, shares_weights: bool = False) -> Iterator[World]:
    """Connect to the other processes of the run, and disconnect at the end.

    Args:
        launch: how this process was started.
        shares_weights: whether weights are sharded; a single process keeps all of them.

    Raises:
        FlagError: there are too few GPUs, or the processes are connected already.
        TrainingError: the processes cannot connect, or one has ended.
        ElsewhereError: another process reports the error.
    """
    if launch.size == 1:
        yield ALONE
        return
    if dist.is_initialized():
        raise FlagError(
            "torch.distributed is already initialized; leave that to the command, which sets it "
            "up for the processes that torchrun starts"
        )
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", launch.local_rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    # The groups are destroyed while Python runs: if one of gloo's threads frees a tensor after
    # that, the process crashes (https://github.com/pytorch/pytorch/pull/179291).
    atexit.register(gc.collect)
    try:
        with talking(), meeting(launch, _STEP_TIMEOUT) as store:
            dist.init_process_group(
                "nccl" if device.type == "cuda" else "gloo",
                store=store,
                rank=launch.rank,
                world_size=launch.size,
                timeout=_STEP_TIMEOUT,
            )
            group = dist.new_group(backend="gloo", timeout=_ALONE_TIMEOUT)
            world = _kind(shares_weights)(
                launch.rank, launch.size, launch.local_size, device, group=group
            )
        _check_devices(world)
        yield world
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _kind(shares_weights: bool) -> type[Processes]:
    if not shares_weights:
        return Processes
    from .sharding import Sharers  # FSDP takes seconds to import

    return Sharers


def _check_devices(world: Processes) -> None:
    """Check that each process has a GPU of its own, or all compute on CPUs.

    Raises:
        FlagError: in the first process.
        ElsewhereError: in the others.
    """
    on_gpu = world.device is not None and world.device.type == "cuda"
    name = str(torch.cuda.get_device_properties(world.device).uuid) if on_gpu else ""
    places = world.gather((socket.gethostname(), name))
    hosts = {host for host, gpu in places if not gpu}
    problem = ""
    if hosts and len(hosts) < len({host for host, _ in places}):
        problem = (
            f"PyTorch finds no GPU on {', '.join(sorted(hosts))}, but finds some elsewhere; fix "
            "that, or hide all GPUs with CUDA_VISIBLE_DEVICES="
        )
    elif not hosts and len(set(places)) < len(places):
        problem = (
            "two processes would share a GPU; set torchrun --nproc-per-node to the number of GPUs "
            "of a machine, or compute on CPUs with CUDA_VISIBLE_DEVICES="
        )
    if problem:
        raise FlagError(problem) if world.is_first else ElsewhereError(problem)
