"""The modules of adapters; see `adapter.py`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .adapter import BOTTLENECK, LORA, Adapter


class LoraLinear(nn.Linear):
    """A linear layer with LoRA: W x + b + scale B A x."""

    def __init__(self, base: nn.Linear, adapter: Adapter) -> None:
        super().__init__(
            base.in_features, base.out_features, bias=base.bias is not None, dtype=base.weight.dtype
        )
        self.scale = adapter.scale
        self.lora_a = nn.Parameter(torch.empty(adapter.size, base.in_features))
        self.lora_b = nn.Parameter(torch.empty(base.out_features, adapter.size))

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., inputs]` to `[..., outputs]`."""
        added = nn.functional.linear(nn.functional.linear(x, self.lora_a), self.lora_b)
        return super().forward(x) + self.scale * added

    def draw_adapter(self, generator: torch.Generator) -> None:
        """Draw A uniformly within 1 / sqrt(inputs); B is zero, so that nothing is added."""
        bound = self.in_features**-0.5
        nn.init.uniform_(self.lora_a, -bound, bound, generator=generator)
        nn.init.zeros_(self.lora_b)


class ResidualMlp(nn.Module):
    """A narrow MLP with a residual connection: x + up(relu(down(norm(x))))."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down = nn.Linear(width, inner)
        self.up = nn.Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[batch, frames, width]` to the same."""
        out: Tensor = x + self.up(self.down(self.norm(x)).relu())
        return out


class Bottleneck(ResidualMlp):
    """The adapter after a block; at first it changes nothing."""

    def draw_adapter(self, generator: torch.Generator) -> None:
        """Draw `down` uniformly within 1 / sqrt(width); `up` is zero, so that nothing is added."""
        bound = self.down.in_features**-0.5
        self.norm.reset_parameters()
        nn.init.uniform_(self.down.weight, -bound, bound, generator=generator)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)


def add_adapter(layer: nn.Module, name: str, adapter: Adapter, width: int) -> None:
    """Add adapters to a layer of an encoder.

    Args:
        layer: a block.
        name: name of the layer.
        adapter: the adapters to add.
        width: number of values of a frame of the layer's output.
    """
    if adapter.kind == BOTTLENECK:
        layer.add_module(BOTTLENECK, Bottleneck(width, adapter.size))
        return
    products = [
        path
        for path, module in layer.named_modules()
        if isinstance(module, nn.Linear) and adapter.adapts(f"{name}.{path}")
    ]
    for path in products:
        owner, _, end = path.rpartition(".")
        base = layer.get_submodule(path)
        if isinstance(base, nn.Linear) and adapter.kind == LORA:
            setattr(layer.get_submodule(owner), end, LoraLinear(base, adapter))


def draw_adapters(layer: nn.Module, generator: torch.Generator) -> None:
    """Draw new weights for the adapters in a layer."""
    for module in layer.modules():
        if isinstance(module, (LoraLinear, Bottleneck)):
            module.draw_adapter(generator)
