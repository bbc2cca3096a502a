"""Adapters: a few trained weights that are added to a frozen encoder.

    lora:rank=16,alpha=32,targets=query+value     W x + (alpha / rank) B A x   in linear layers
    bottleneck:size=64                            x + up(relu(down(norm(x))))  after each block

LoRA: https://arxiv.org/abs/2106.09685; bottlenecks: https://arxiv.org/abs/1902.00751. B and `up`
are zero at first, so that adapters do not change the output before training.

This module does not import PyTorch; the modules are in `adapter_modules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

LORA, BOTTLENECK = "lora", "bottleneck"
LORA_A, LORA_B = "lora_a", "lora_b"
ALL = "all"
_LARGEST = 1 << 12
_MOST_DIGITS = 9  # Python refuses to read numbers of thousands
_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    LORA: {"rank": "16", "alpha": "32", "targets": "query+value", "above": "1"},
    BOTTLENECK: {"size": "64", "above": "1"},
}

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Adapter:
    """The adapters of an encoder.

    Attributes:
        kind: `lora` or `bottleneck`.
        size: rank of LoRA, or inner width of bottlenecks.
        alpha: factor of B A in LoRA, times the rank.
        targets: names of the linear layers with LoRA, or the last parts of these names; `all`: all.
        above: number of layers without adapters, from the input on.
    """

    kind: str
    size: int
    alpha: int = 0
    targets: tuple[str, ...] = ()
    above: int = 1

    def __str__(self) -> str:
        """Return the text from which `parse_adapter` makes it."""
        if self.kind == BOTTLENECK:
            return f"{BOTTLENECK}:size={self.size},above={self.above}"
        targets = "+".join(self.targets)
        return f"{LORA}:rank={self.size},alpha={self.alpha},targets={targets},above={self.above}"

    @property
    def scale(self) -> float:
        """Factor of B A in LoRA."""
        return self.alpha / self.size

    def describe(self) -> str:
        """Return a description for people."""
        if self.kind == BOTTLENECK:
            return f"bottleneck adapters of width {self.size}"
        targets = "all products" if self.targets == (ALL,) else ", ".join(self.targets)
        return f"LoRA of rank {self.size}, alpha {self.alpha}, on {targets}"

    def with_above(self, layers: int) -> Adapter:
        """Return the same adapters, with at least so many layers without, from the input on."""
        return replace(self, above=max(self.above, layers))

    def adapts(self, product: str) -> bool:
        """Say whether a linear layer `LAYER.PART...PART` is one of the targets."""
        _, _, path = product.partition(".")
        return self.targets == (ALL,) or any(
            path == target or path.endswith(f".{target}") for target in self.targets
        )

    def shapes(self, layers: tuple[str, ...], width: int, base: Shapes) -> Shapes:
        """Return the shapes of the adapters' tensors.

        Args:
            layers: names of the encoder's layers, from the input on.
            width: number of values of a frame between blocks.
            base: shapes of the encoder's tensors.

        Raises:
            ValueError: there is no such linear layer, or no block; the message lists those that
                exist.
        """
        adapted = layers[self.above :]
        if not adapted:
            raise ValueError(
                f"adapters are for blocks above the {self.above} lowest layers, but the encoder "
                f"has {len(layers)}"
            )
        if self.kind == BOTTLENECK:
            return {name: shape for layer in adapted for name, shape in self._behind(layer, width)}
        products = {
            name.removesuffix(".weight"): shape
            for name, shape in base.items()
            if name.endswith(".weight") and len(shape) == 2 and name.split(".")[0] in adapted
        }
        unknown = [
            target
            for target in self.targets
            if target != ALL
            and not any(replace(self, targets=(target,)).adapts(product) for product in products)
        ]
        if unknown:
            known = dict.fromkeys(product.rpartition(".")[2] for product in products)
            raise ValueError(
                f"blocks have no product {', '.join(unknown)}; available: {', '.join(known)}, and "
                f"{ALL}"
            )
        shapes: dict[str, tuple[int, ...]] = {}
        for product, (outputs, inputs) in products.items():
            if self.adapts(product):
                shapes[f"{product}.{LORA_A}"] = (self.size, inputs)
                shapes[f"{product}.{LORA_B}"] = (outputs, self.size)
        return shapes

    def _behind(self, layer: str, width: int) -> list[tuple[str, tuple[int, ...]]]:
        prefix = f"{layer}.{BOTTLENECK}"
        return [
            (f"{prefix}.norm.weight", (width,)),
            (f"{prefix}.norm.bias", (width,)),
            (f"{prefix}.down.weight", (self.size, width)),
            (f"{prefix}.down.bias", (self.size,)),
            (f"{prefix}.up.weight", (width, self.size)),
            (f"{prefix}.up.bias", (width,)),
        ]


def parse_adapter(text: str) -> Adapter:
    """Return the adapter that a text describes: `KIND:NAME=VALUE,NAME=VALUE`.

    Raises:
        ValueError: it describes none; the message says what is wrong.
    """
    kind, _, rest = text.partition(":")
    if kind not in _DEFAULTS:
        raise ValueError(f"{text!r} is not an adapter; write lora:rank=16 or bottleneck:size=64")
    values = dict(_DEFAULTS[kind])
    given = set()
    for part in filter(None, rest.split(",")):
        name, equals, value = part.partition("=")
        if name not in values or not equals or not value:
            raise ValueError(f"{part!r}: {kind} takes {', '.join(f'{n}=' for n in values)}")
        if name in given:
            raise ValueError(f"{name}= is given twice")
        given.add(name)
        values[name] = value
    if kind == BOTTLENECK:
        return Adapter(kind, _number(values, "size"), above=_number(values, "above"))
    rank = _number(values, "rank")
    alpha = _number(values, "alpha") if "alpha" in given else 2 * rank
    targets = tuple(filter(None, values["targets"].split("+")))
    if not targets or (ALL in targets and len(targets) > 1):
        raise ValueError(f"targets={values['targets']}: must be names joined by +, or only {ALL}")
    return Adapter(kind, rank, alpha, targets, _number(values, "above"))


def _number(values: Mapping[str, str], name: str) -> int:
    value = values[name]
    is_number = value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS
    if not is_number or not 0 < int(value) <= _LARGEST:
        raise ValueError(f"{name}={value[:40]}: must be from 1 to {_LARGEST}")
    return int(value)


def is_adapter_tensor(name: str) -> bool:
    """Say whether a tensor belongs to an adapter."""
    parts = name.split(".")
    return parts[-1] in (LORA_A, LORA_B) or (len(parts) > 2 and parts[1] == BOTTLENECK)
