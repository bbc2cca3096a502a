"""Gradients of a step, summed over the processes of a run while others are still computed.

PyTorch's `DistributedDataParallel` is not used: it takes the mean over processes, each counting the
same, and all of them must go through the same backward passes with the same parameters. Here
processes have batches of unlike size, or none left; layers are unfrozen during a run; a model is
run layer by layer; and a loss that is not finite ends a backward pass in one of them alone. What
makes it fast is here too: gradients go in buckets, the last layers' first, each as soon as it is
complete, while those of earlier layers are computed (https://arxiv.org/abs/2006.15704).
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
    """The gradients of one process alone, to which nothing is to be done."""

    def expect(self) -> None:
        """Say that the next backward pass is the last one of a step."""

    def finish(self) -> None:
        """Put the sums in the place of the gradients; all processes do this once in a step."""

    def close(self) -> None:
        """Let the parameters go."""


class SummedGradients(Gradients):
    """Sums the gradients of some parameters over all processes.

    A parameter that no process has a gradient of has none afterwards; where one has, all have. It
    also keeps what is sent after it waiting until the pass is over; our models have none such.

    Args:
        parameters: the same, in the same order, in all processes.
        bucket_bytes: what is sent at once.
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
        """Send buckets as they become complete from now on; see `Gradients`."""
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
        # One copy to the CPU for all of them: on a GPU each would wait for it.
        owners = torch.cat([bucket.owners for bucket in self._buckets]).tolist()
        for bucket in self._buckets:
            bucket.put_back(owners[: len(bucket.parameters)])
            del owners[: len(bucket.parameters)]
        self._sent = 0

    def close(self) -> None:
        """Take the hooks away; see `Gradients`."""
        for hook in self._hooks:
            hook.remove()

    def _hook_of(self, bucket: _Bucket) -> Any:
        def computed(parameter: Tensor) -> None:
            if self._expecting:
                bucket.missing -= 1
                self._send_complete()

        return computed

    def _send_complete(self) -> None:
        """Send what is complete: in the same order in all processes, whatever that of layers is."""
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
    """Gradients that are sent together."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = parameters
        self.missing = len(parameters)
        self._work: Any = None
        self._sizes = [parameter.numel() for parameter in parameters]
        self._flat = torch.empty(0)

    @property
    def owners(self) -> Tensor:
        """In how many processes each parameter has a gradient, float32 `[parameters]`."""
        return self._flat[sum(self._sizes) :]

    def send(self) -> None:
        """Begin to sum over the processes; the gradients are in the bucket alone from now on."""
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
        self._work = None  # it holds on to the other processes, which end when this one has ended

    def put_back(self, owners: Sequence[float]) -> None:
        """Make the sums the gradients, where they are."""
        sums = self._flat[: sum(self._sizes)].split_with_sizes(self._sizes)
        for parameter, summed, count in zip(self.parameters, sums, owners, strict=True):
            if count:
                parameter.grad = summed.view_as(parameter)
        self._flat = self._flat.new_empty(0)


def _buckets(parameters: Iterable[nn.Parameter], bucket_bytes: int) -> Iterator[list[nn.Parameter]]:
    """Group parameters of the same type, in order, so that each group has at most so many bytes."""
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
