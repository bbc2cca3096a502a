"""Weights that the processes of a run share out: each keeps a part of every one (FSDP).

Beside its part of a weight a process has that of the gradient, of the moments of the optimizer and
of the running average, 20 bytes of a parameter in all processes together. All of a layer is put
together where the layer is computed, in the forward pass and again in the backward pass, and let go
behind it; its gradients are summed there, and each process keeps its part of the sums
(https://arxiv.org/abs/2304.11277). PyTorch's `fully_shard` does that. To the rest, a weight is a
tensor as ever, one of which this process holds some rows.

So a layer can only be computed by all processes at once: in a step they have equally many batches,
a stand-in of no weight where one has none, and no process keeps what frozen layers gave.
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
    """Several processes, each of which has a part of the weights."""

    def __post_init__(self) -> None:
        if not hasattr(FSDPModule, "set_force_sum_reduction_for_comms"):
            raise FlagError(
                f"--shard_weights needs a newer PyTorch than {torch.__version__}: pip install "
                "--upgrade torch"
            )

    @property
    def shares_weights(self) -> bool:
        """Whether each has a part of the weights; see `World`."""
        return True

    def place(self, model: AcousticModel, device: torch.device) -> None:
        """Put this process's part of the weights in the place of all of them; see `World`."""
        # It says of many layers not to change in place what they give, which nobody does.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module .* returned a view")
        mesh = init_device_mesh(device.type, (self.size,))
        for module in (*_units(model), model):
            unit: Any = fully_shard(module, mesh=mesh)
            unit.set_gradient_divide_factor(1.0)  # sums: they are divided by the clips of all
            unit.set_force_sum_reduction_for_comms(True)
        _gather_around_run(model)

    def whole(self, model: AcousticModel) -> AcousticModel:
        """Return a copy with all weights; see `World`."""
        with torch.device(next(model.parameters()).device):
            copy = build(model.specification)
        parts = model.state_dict()
        with talking():
            for name, tensor in copy.state_dict().items():
                copy_values(tensor, all_of(parts[name]))
        return copy.requires_grad_(False)

    @contextmanager
    def stepping(self) -> Iterator[None]:
        """Run the model that is trained; see `World`."""
        with talking():
            yield

    def gradients(self, parameters: Sequence[nn.Parameter]) -> Gradients:
        """Return what has nothing to do: gradients are summed where they are computed."""
        return Gradients()


def _units(model: AcousticModel) -> Iterator[nn.Module]:
    """Yield what is put together at once: a layer each.

    The first and the last belong to the model itself, which is put together for a whole pass:
    other layers look at weights of theirs. Bottlenecks run behind their layer.
    """
    for name in model.specification.layers[1:-1]:
        layer = model.get_submodule(name)
        if hasattr(layer, BOTTLENECK):
            yield layer.get_submodule(BOTTLENECK)
        yield layer


def _gather_around_run(model: Any) -> None:
    """Let `fully_shard` do around `run` what it does around `forward`.

    It would also move the tensors that `run` is given to the GPU, where lengths do not belong: so
    they are hidden from it in a function.
    """
    run = model.run
    model.carry_out = lambda work: work()
    register_fsdp_forward_method(model, "carry_out")
    model.run = lambda *given, **named: model.carry_out(lambda: run(*given, **named))
