"""Summing gradients over the processes of a run, while the backward pass is still running.

PyTorch's `DistributedDataParallel` is not used: it takes the unweighted mean over processes, and
all of them must do the same backward passes with the same parameters. Here processes have batches
of different sizes, or none; layers are unfrozen during a run; a model is run layer by layer; and a
loss that is not finite ends a backward pass in one process alone. The technique that makes it fast
is the same: gradients are sent in buckets, the last layers' first, each as soon as it is complete,
while those of earlier layers are computed (https://arxiv.org/abs/2006.15704).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist

from .lost_process import talking

BUCKET_BYTES = 25 << 20


class Gradients:
    """The gradients of a single process; there is nothing to sum."""

    def expect(self) -> None:
        """Announce that the next backward pass is the last one of a step."""

    def finish(self) -> None:
        """Replace the gradients by the sums; all processes call this once in a step."""

    def close(self) -> None:
        """Release the parameters."""


class SummedGradients(Gradients):
    """Sums the gradients of parameters over all processes.

    After that, either all processes have a gradient of a parameter, or none if none had. If a
    parameter gets no gradient, all later buckets wait until the backward pass is over; our models
    have no such parameters.

    Args:
        parameters: parameters, in the same order in all processes.
        bucket_bytes: size of a bucket, which is sent at once.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], bucket_bytes: int = BUCKET_BYTES
    ) -> None:
        self._buckets = [_Bucket(some) for some in _buckets(reversed(parameters), bucket_bytes)]
        self._expecting = False
        self._sent = 0
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                self._hook_of(bucket)
            )
            for bucket in self._buckets
            for parameter in bucket.parameters
        ]

    def expect(self) -> None:
        """From now on, send each bucket as soon as it is complete; see `Gradients`."""
        self._expecting = True
        for bucket in self._buckets:
            bucket.missing = len(bucket.parameters)

    def finish(self) -> None:
        """Send the rest, and wait for all; see `Gradients`."""
        self._expecting = False
        self._send(len(self._buckets))
        with talking():
            for bucket in self._buckets:
                bucket.wait()
        # One copy to the CPU for all, because on a GPU each copy would wait for it.
        owners = torch.cat([bucket.owners for bucket in self._buckets]).tolist()
        for bucket in self._buckets:
            bucket.put_back(owners[: len(bucket.parameters)])
            del owners[: len(bucket.parameters)]
        self._sent = 0

    def close(self) -> None:
        """Remove the hooks; see `Gradients`."""
        for hook in self._hooks:
            hook.remove()

    def _hook_of(self, bucket: _Bucket) -> Any:
        def computed(parameter: Tensor) -> None:
            if self._expecting:
                bucket.missing -= 1
                self._send_complete()

        return computed

    def _send_complete(self) -> None:
        """Send complete buckets, in an order that is the same in all processes."""
        complete = self._sent
        while complete < len(self._buckets) and self._buckets[complete].missing == 0:
            complete += 1
        self._send(complete)

    def _send(self, count: int) -> None:
        with talking():
            for bucket in self._buckets[self._sent : count]:
                bucket.send()
        self._sent = max(self._sent, count)


class _Bucket:
    """A bucket: gradients that are sent together."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = parameters
        self.missing = len(parameters)
        self._work: Any = None
        self._sizes = [parameter.numel() for parameter in parameters]
        self._flat = torch.empty(0)

    @property
    def owners(self) -> Tensor:
        """Number of processes in which each parameter has a gradient, float32 `[parameters]`."""
        return self._flat[sum(self._sizes) :]

    def send(self) -> None:
        """Start the sum over the processes; from now on, only the bucket holds the gradients."""
        gradients = [parameter.grad for parameter in self.parameters]
        have = [float(gradient is not None) for gradient in gradients]
        like = self.parameters[0]
        flat = [
            like.new_zeros(size) if gradient is None else gradient.reshape(-1)
            for gradient, size in zip(gradients, self._sizes, strict=True)
        ]
        self._flat = torch.cat([*flat, torch.tensor(have, dtype=like.dtype, device=like.device)])
        for parameter in self.parameters:
            parameter.grad = None
        self._work = dist.all_reduce(self._flat, async_op=True)

    def wait(self) -> None:
        """Wait for the sums."""
        self._work.wait()
        self._work = None  # it refers to the process group, which must be freed before the end

    def put_back(self, owners: Sequence[float]) -> None:
        """Copy the sums back to the gradients of parameters that have any."""
        sums = self._flat[: sum(self._sizes)].split_with_sizes(self._sizes)
        for parameter, summed, count in zip(self.parameters, sums, owners, strict=True):
            if count:
                parameter.grad = summed.view_as(parameter)
        self._flat = self._flat.new_empty(0)


def _buckets(parameters: Iterable[nn.Parameter], bucket_bytes: int) -> Iterator[list[nn.Parameter]]:
    """Group parameters of the same type, in order, into buckets of at most this size."""
    bucket: list[nn.Parameter] = []
    size = 0
    for parameter in parameters:
        taken = parameter.numel() * parameter.element_size()
        if bucket and (size + taken > bucket_bytes or parameter.dtype != bucket[0].dtype):
            yield bucket
            bucket, size = [], 0
        bucket.append(parameter)
        size += taken
    if bucket:
        yield bucket
