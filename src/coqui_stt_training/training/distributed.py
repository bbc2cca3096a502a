"""The processes that are one run: each takes batches of its own, all keep the same weights.

Or they share these out, each keeping a part of every one: see `sharding.py`.

A step is the same as in one process that adds up the gradients of as many batches
(`--gradient_accumulation_steps`): gradients are summed over the processes, and divided by the clips
of all. So a process may have fewer batches than others in a step, or none, and clips of any length.

What all processes know alike needs no talking: the order of batches, the position, the weights,
and all that follows from them. What only one can know is made known to all at fixed places: the
loss of a step, a signal, the clock, what was heard in validation. Files are written by the first.
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

# A step waits that long for the slowest process, before the run is taken for stuck.
_STEP_TIMEOUT = timedelta(minutes=30)
# So long may the first take for what the others wait for: to look at each file of a large corpus.
_ALONE_TIMEOUT = timedelta(days=2)

Item = TypeVar("Item")


@dataclass(frozen=True)
class World:
    """All processes of a run: here one, which has nobody to talk to.

    Attributes:
        rank: number of this process.
        size: how many there are.
        local_size: how many there are on this machine.
        device: what this one computes on; None: what `machine.py` finds.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1
    device: torch.device | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process speaks and writes for all."""
        return self.rank == 0

    @property
    def shares_weights(self) -> bool:
        """Whether each has a part of the weights; then none can run the trained model alone."""
        return False

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Return this process's part of a list: each takes every so many-th."""
        return list(items[self.rank :: self.size])

    def merge(self, results: Sequence[Item]) -> list[Item]:
        """Return what all made of their shares, in the order of the whole list."""
        return list(results)

    def gather(self, item: Item) -> list[Item]:
        """Return what each process has."""
        return [item]

    def total(self, *values: float) -> list[float]:
        """Return each value summed over the processes; not finite where one of them is not."""
        return list(values)

    def any(self, *marks: bool) -> list[bool]:
        """Return of each mark whether some process has it."""
        return [value > 0 for value in self.total(*map(float, marks))]

    def of_all(self, error: UserError) -> UserError:
        """Return what to raise for an error that all processes find alike: the first says it."""
        return error if self.is_first else ElsewhereError(str(error))

    def first(self, work: Callable[[], Item]) -> Item:
        """Let the first process do something, and return what came out.

        Raises:
            ElsewhereError: in the others, where it failed in the first.
        """
        return work()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Do what is within in all processes; if one fails, all end.

        Raises:
            ElsewhereError: in those that did not fail.
        """
        yield

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process do what is within before the others do; if one fails, all end.

        Raises:
            ElsewhereError: in those that did not fail.
        """
        yield

    def check_alike(self, find: Callable[[], Mapping[str, str]]) -> None:
        """See that all processes find the same.

        Args:
            find: gives digests, by what they are of.

        Raises:
            TrainingError: they have not.
        """

    def place(self, model: AcousticModel, device: torch.device) -> None:
        """Put a model that is to be trained where it is computed: all of it, or this one's part."""
        model.to(device)

    def whole(self, model: AcousticModel) -> AcousticModel:
        """Return a model with all weights, which this process can run alone.

        Args:
            model: that is trained, or has the average of its weights.
        """
        return model

    def arrays(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.float32]]:
        """Return whole tensors as arrays in the first process, and nothing in the others."""
        return arrays_of(tensors)

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Run the model that is trained, forwards or backwards.

        Raises:
            TrainingError: in the first process: it takes all of them, and another one has gone.
            ElsewhereError: in the others.
        """
        yield

    def copy_first_(self, tensors: Sequence[torch.Tensor]) -> None:
        """Put the values of the first process in the place of tensors.

        Args:
            tensors: of the same shapes everywhere; those of which each has a part stay.
        """

    def average_(self, tensors: Sequence[torch.Tensor], weight: float) -> None:
        """Put the mean over the processes in the place of float tensors.

        Args:
            tensors: of the same shapes everywhere.
            weight: of this process's.
        """

    def gradients(self, parameters: Sequence[torch.nn.Parameter]) -> Gradients:
        """Return what sums the gradients of some parameters, which are the same everywhere."""
        return Gradients()


ALONE = World()


@dataclass(frozen=True)
class Processes(World):
    """Several processes.

    Attributes:
        group: what is not about tensors goes through: on CPUs, with patience.
    """

    group: Any = field(default=None, kw_only=True)

    def gather(self, item: Item) -> list[Item]:
        """Return what each process has, pickled on the way: these processes trust each other."""
        every: list[Any] = [None] * self.size
        with talking():
            dist.all_gather_object(every, item, group=self.group)
        return every

    def merge(self, results: Sequence[Item]) -> list[Item]:
        """Return what all made of their shares; see `World`."""
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
        """Do what is within, and end if it fails in one process; see `World`."""
        failure: Exception | None = None
        try:
            yield
        except Exception as error:  # whatever it is, the others wait for it
            failure = error
        self._agree(failure)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the first process go first; see `World`."""
        if not self.is_first:
            self._agree(None)
        with self.together():
            yield
        if self.is_first:
            self._agree(None)

    def _agree(self, failure: Exception | None) -> None:
        """Raise if some process has failed: in the lowest of them that, else `ElsewhereError`."""
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
        """See that all have found the same; see `World`."""
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
        """Return whole tensors in the first process; see `World`."""
        found: dict[str, NDArray[np.float32]] = {}
        for name, tensor in tensors.items():  # one after the other: all may not fit on a GPU
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
        """Return what sums gradients; see `World`."""
        return SummedGradients(parameters)


@contextmanager
def joined(launch: Launch, *, shares_weights: bool = False) -> Iterator[World]:
    """Meet the other processes of a run, and part with them in the end.

    Args:
        launch: this process.
        shares_weights: whether each is to keep but a part of what is trained; one alone keeps all.

    Raises:
        FlagError: they cannot share the GPUs, or have met already.
        TrainingError: they cannot meet, or one goes.
        ElsewhereError: another process says so.
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
    # What is left of the groups goes while Python runs: a thread of gloo's that lets go of a tensor
    # once it does not, ends the process (https://github.com/pytorch/pytorch/pull/179291).
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
    from .sharding import Sharers  # what it takes of PyTorch takes seconds to import

    return Sharers


def _check_devices(world: Processes) -> None:
    """See that each process has a GPU of its own, or all compute on CPUs.

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
