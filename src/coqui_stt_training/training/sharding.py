"""Sharded weights: each process of a run keeps a shard of each weight (FSDP).

A process also keeps only its shard of the gradient, of the optimizer's moments and of the running
average; all processes together have 20 bytes per parameter. A layer's weights are gathered to
compute the layer, in the forward pass and again in the backward pass, and freed after it. There its
gradients are summed, and each process keeps its shard of the sums
(https://arxiv.org/abs/2304.11277). PyTorch's `fully_shard` does this. For the rest of the code, a
weight is a tensor as usual, of which this process holds some rows.

So a layer can only be computed by all processes together. In a step all have equally many batches
(a process without one gets a stand-in of weight zero), and outputs of frozen layers are not cached.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

from ..errors import FlagError
from ..models.acoustic_model import AcousticModel, build
from ..models.adapter import BOTTLENECK
from ..models.tensors import all_of, copy_values
from .distributed import Processes
from .gradients import Gradients
from .lost_process import talking


@dataclass(frozen=True)
class Sharers(Processes):
    """Several processes with sharded weights."""

    def __post_init__(self) -> None:
        if not hasattr(FSDPModule, "set_force_sum_reduction_for_comms"):
            raise FlagError(
                f"--shard_weights needs a newer PyTorch than {torch.__version__}: pip install "
                "--upgrade torch"
            )

    @property
    def shares_weights(self) -> bool:
        """Whether weights are sharded; see `World`."""
        return True

    def place(self, model: AcousticModel, device: torch.device) -> None:
        """Replace the weights by this process's shards; see `World`."""
        # It warns against changing many layers' outputs in place, which no code here does.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
        mesh = init_device_mesh(device.type, (self.size,))
        for module in (*_units(model), model):
            unit: Any = fully_shard(module, mesh=mesh)
            unit.set_gradient_divide_factor(1.0)  # sums, divided later by the number of clips
            unit.set_force_sum_reduction_for_comms(True)
        _gather_around_run(model)

    def whole(self, model: AcousticModel) -> AcousticModel:
        """Return a copy with unsharded weights; see `World`."""
        with torch.device(next(model.parameters()).device):
            copy = build(model.specification)
        parts = model.state_dict()
        with talking():
            for name, tensor in copy.state_dict().items():
                copy_values(tensor, all_of(parts[name]))
        return copy.requires_grad_(False)

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Run the body, a forward or backward pass; see `World`."""
        with talking():
            yield

    def gradients(self, parameters: Sequence[nn.Parameter]) -> Gradients:
        """Return an object without work: `fully_shard` sums gradients in the backward pass."""
        return Gradients()


def _units(model: AcousticModel) -> Iterator[nn.Module]:
    """Yield the modules whose weights are gathered together: each layer but the first and last.

    These two belong to the model itself, whose weights stay gathered for a whole pass, because
    other layers access them. Bottlenecks run after their layer, so they are separate.
    """
    for name in model.specification.layers[1:-1]:
        layer = model.get_submodule(name)
        if hasattr(layer, BOTTLENECK):
            yield layer.get_submodule(BOTTLENECK)
        yield layer


def _gather_around_run(model: Any) -> None:
    """Make `fully_shard`'s hooks act around `run` as they do around `forward`.

    They would also move tensor arguments to the GPU, but lengths must stay on the CPU. So the
    arguments are hidden in a function.
    """
    run = model.run
    model.carry_out = lambda work: work()
    register_fsdp_forward_method(model, "carry_out")
    model.run = lambda *given, **named: model.carry_out(lambda: run(*given, **named))
