"""The bootstrap plan: for each layer, what happens to it and why.

The plan is printed, stored in the checkpoint's lineage, and then carried out. Nothing here reads or
writes files.
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
    """The plan for one layer.

    Attributes:
        layer: name of the layer.
        action: `kept`: the source's weights; `mapped`: rows of shared characters are the source's;
            `new`: new random weights.
        reason: reason for the action, as text.
        frozen_epochs: number of first epochs in which the layer is not trained; None: all epochs.
        learning_rate_factor: factor of the layer's learning rate.
    """

    layer: str
    action: Action
    reason: str
    frozen_epochs: int | None = 0
    learning_rate_factor: float = 1.0

    def describe(self, width: int = 8) -> str:
        """Return the layer's line of the plan, with its name in a column of this width."""
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
    """How a new model is made from a source.

    Attributes:
        specification: specification of the new model.
        layers: plan for each layer, from the input to the output.
        mapped_rows: for output rows of the new model, including the blank's, the rows of the source
            that are averaged.
        notices: notices for the user, one sentence each.
    """

    specification: Specification
    layers: tuple[LayerPlan, ...]
    mapped_rows: Mapping[int, tuple[int, ...]]
    notices: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the plan as text, one line per layer."""
        width = max(8, *(len(layer.layer) for layer in self.layers))
        return "\n".join(f"  {layer.describe(width)}" for layer in self.layers)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the plan for the checkpoint's lineage."""
        return [asdict(layer) for layer in self.layers]

    def going_on(self, step: int) -> BootstrapPlan:
        """Return the plan of a run that continues the source's training, with its optimizer."""
        reason = f"continued with its Adam slots from step {step}"
        return replace(self, layers=tuple(replace(layer, reason=reason) for layer in self.layers))

    @property
    def drawn_layers(self) -> tuple[str, ...]:
        """Layers for which new weights must be drawn: new, mapped, or with new adapters."""
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
        """Layers with new weights, including mapped ones, of which not all rows are mapped."""
        return tuple(layer.layer for layer in self.layers if layer.action != "kept")


def from_scratch(specification: Specification) -> BootstrapPlan:
    """Return the plan of a model that is trained from scratch."""
    layers = tuple(
        LayerPlan(layer, "new", "training from scratch") for layer in specification.layers
    )
    return BootstrapPlan(specification, layers, {})


def bootstrapped_tensors(
    plan: BootstrapPlan, source: Tensors, fresh: Tensors
) -> dict[str, NDArray[np.float32]]:
    """Carry out a plan.

    Args:
        plan: the plan.
        source: weights of the source.
        fresh: new weights for the layers in `plan.drawn_layers`; others are not read.

    Returns:
        Weights at the start of training.
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
