"""Bootstrapping: what a new model takes from a pre-trained one.

It is a plan first, for each layer what happens to it and why; the plan is printed, kept in the
checkpoint's lineage, and only then carried out. Nothing here reads or writes files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from stt.counted import counted

from ..checkpoints.source import Tensors
from ..models.adapter import is_adapter_tensor
from ..models.specification import Specification, layer_of

Action = Literal["kept", "mapped", "new"]


@dataclass(frozen=True)
class LayerPlan:
    """What happens to one layer.

    Attributes:
        layer: its name.
        action: kept as it is; mapped, row by row, to another alphabet; or new weights.
        reason: why, for people.
        frozen_epochs: epochs at the start in which it is not trained; None: never trained.
        learning_rate_factor: of its learning rate.
    """

    layer: str
    action: Action
    reason: str
    frozen_epochs: int | None = 0
    learning_rate_factor: float = 1.0

    def describe(self, width: int = 8) -> str:
        """Return the layer's line of the plan, its name in a column so wide."""
        words = {"kept": "kept", "mapped": "mapped", "new": "new weights"}[self.action]
        line = f"{self.layer:<{width}} {words:12} {self.reason}"
        if self.frozen_epochs is None:
            line += "; frozen"
        elif self.frozen_epochs:
            line += f"; frozen for {counted(self.frozen_epochs, 'epoch')}"
        if self.learning_rate_factor != 1.0:
            line += f"; learning rate x {self.learning_rate_factor:.3g}"
        return line


@dataclass(frozen=True)
class BootstrapPlan:
    """How a model is made from a source.

    Attributes:
        specification: of the new model.
        layers: from the input to the output.
        mapped_rows: of output rows, blank included, the rows of the source whose mean they are.
        notices: what the user should know, a sentence each.
    """

    specification: Specification
    layers: tuple[LayerPlan, ...]
    mapped_rows: Mapping[int, tuple[int, ...]]
    notices: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the plan for people, a line a layer."""
        width = max(8, *(len(layer.layer) for layer in self.layers))
        return "\n".join(f"  {layer.describe(width)}" for layer in self.layers)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the plan for the checkpoint's lineage."""
        return [asdict(layer) for layer in self.layers]

    def going_on(self, step: int) -> BootstrapPlan:
        """Return the plan of a run that goes on, with its optimizer, from a source's step."""
        reason = f"continued with its Adam slots from step {step}"
        return replace(self, layers=tuple(replace(layer, reason=reason) for layer in self.layers))

    @property
    def drawn_layers(self) -> tuple[str, ...]:
        """Layers of which new weights are needed: new ones, and those with new adapters."""
        adapted = {layer_of(name) for name in self._adapter_tensors}
        return tuple(
            layer
            for layer in self.specification.layers
            if layer in self.new_layers or layer in adapted
        )

    @property
    def _adapter_tensors(self) -> tuple[str, ...]:
        return tuple(filter(is_adapter_tensor, self.specification.tensor_shapes()))

    @property
    def new_layers(self) -> tuple[str, ...]:
        """Layers that need new weights, mapped ones included: not all of their rows are mapped."""
        return tuple(layer.layer for layer in self.layers if layer.action != "kept")


def from_scratch(specification: Specification) -> BootstrapPlan:
    """Return the plan of a model without a source."""
    layers = tuple(
        LayerPlan(layer, "new", "training from scratch") for layer in specification.layers
    )
    return BootstrapPlan(specification, layers, {})


def bootstrapped_tensors(
    plan: BootstrapPlan, source: Tensors, fresh: Tensors
) -> dict[str, NDArray[np.float32]]:
    """Carry out a plan.

    Args:
        plan: what to take.
        source: the source's weights.
        fresh: new weights of the planned model; only layers in `plan.drawn_layers` are read.

    Returns:
        The weights to start training from.
    """
    actions = {layer.layer: layer.action for layer in plan.layers}
    tensors = {}
    for name in plan.specification.tensor_shapes():
        action = actions[layer_of(name)]
        is_new = action != "kept" or (is_adapter_tensor(name) and name not in source)
        tensors[name] = fresh[name] if is_new else source[name]
        if action == "mapped":
            tensors[name] = tensors[name].copy()
            for row, source_rows in plan.mapped_rows.items():
                tensors[name][row] = source[name][list(source_rows)].mean(axis=0)
    return tensors
