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

from coqui_stt_ctcdecoder.alphabet import Alphabet, describe_codepoints
from stt.counted import counted

from ..checkpoints.source import SourceModel, Tensors
from ..cli.training_flags import BootstrapFlags
from ..errors import BootstrapError
from ..models.deepspeech.geometry import LAYERS, Geometry, layer_of

OUTPUT_LAYER = LAYERS[-1]
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

    def describe(self) -> str:
        """Return the layer's line of the plan."""
        words = {"kept": "kept", "mapped": "mapped", "new": "new weights"}[self.action]
        line = f"{self.layer:8} {words:12} {self.reason}"
        if self.frozen_epochs is None:
            line += "; frozen"
        elif self.frozen_epochs:
            line += f"; frozen for {counted(self.frozen_epochs, 'epoch')}"
        if self.learning_rate_factor != 1.0:
            line += f"; learning rate x {self.learning_rate_factor:g}"
        return line


@dataclass(frozen=True)
class BootstrapPlan:
    """How a model is made from a source.

    Attributes:
        geometry: of the new model.
        layers: from the input to the output.
        mapped_rows: source row of each output row that is copied, blank included.
        notices: what the user should know, a sentence each.
    """

    geometry: Geometry
    layers: tuple[LayerPlan, ...]
    mapped_rows: Mapping[int, int]
    notices: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the plan for people, a line a layer."""
        return "\n".join(f"  {layer.describe()}" for layer in self.layers)

    def as_json(self) -> list[dict[str, Any]]:
        """Return the plan for the checkpoint's lineage."""
        return [asdict(layer) for layer in self.layers]

    def going_on(self, step: int) -> BootstrapPlan:
        """Return the plan of a run that goes on, with its optimizer, from a source's step."""
        reason = f"goes on with its Adam slots from step {step}"
        return replace(self, layers=tuple(replace(layer, reason=reason) for layer in self.layers))

    @property
    def new_layers(self) -> tuple[str, ...]:
        """Layers that need new weights, mapped ones included: not all of their rows are mapped."""
        return tuple(layer.layer for layer in self.layers if layer.action != "kept")


def from_scratch(geometry: Geometry) -> BootstrapPlan:
    """Return the plan of a model without a source."""
    layers = tuple(LayerPlan(layer, "new", "training from scratch") for layer in LAYERS)
    return BootstrapPlan(geometry, layers, {})


def plan_bootstrap(
    source: SourceModel, alphabet: Alphabet, flags: BootstrapFlags, retry_command: str
) -> BootstrapPlan:
    """Decide, layer by layer, what to take from a source.

    Args:
        source: the pre-trained model; its alphabet is known.
        alphabet: of the new model.
        flags: what was asked for.
        retry_command: how the user can call for transfer-learning, for the error message.

    Raises:
        BootstrapError: the alphabets differ and nothing was said about the output layer.
    """
    if source.alphabet is None:
        raise BootstrapError(
            f"{source.path} has {source.geometry.n_classes} classes but names no alphabet; "
            f"give its own file of {counted(source.geometry.n_classes - 1, 'label')} as "
            "alphabet.txt beside it"
        )
    same = alphabet == source.alphabet
    dropped = LAYERS[len(LAYERS) - flags.drop_source_layers :]
    maps_output = (flags.map_shared_characters or flags.extend_alphabet) and (dropped or not same)
    if not same and not dropped and not maps_output:
        raise BootstrapError(
            f"the alphabet differs from that of {source.path}: "
            f"{describe_difference(source.alphabet, alphabet)}. Its output layer cannot be used as "
            f"it is. Transfer-learning replaces it: {retry_command}"
        )
    rows = shared_rows(source.alphabet, alphabet) if maps_output else {}
    layers = []
    for layer in LAYERS:
        action, reason = _decide(layer, dropped, same, len(rows), alphabet.size)
        kept = action == "kept"
        layers.append(
            LayerPlan(
                layer,
                action,
                reason,
                frozen_epochs=_frozen_epochs(layer, kept, flags),
                learning_rate_factor=flags.source_learning_rate_factor if kept else 1.0,
            )
        )
    geometry = Geometry(**{**asdict(source.geometry), "n_classes": alphabet.size + 1})
    return BootstrapPlan(geometry, tuple(layers), rows)


def _decide(
    layer: str, dropped: tuple[str, ...], same: bool, shared: int, labels: int
) -> tuple[Action, str]:
    if layer == OUTPUT_LAYER and shared:
        if shared == labels + 1:
            return "mapped", f"all {shared} classes exist in the source"
        return "mapped", f"{shared} of {labels + 1} classes exist in the source, the others are new"
    if layer in dropped:
        count = len(LAYERS) - LAYERS.index(layer)
        reason = f"dropped by --drop_source_layers {len(dropped)}, number {count} from the output"
        if layer == OUTPUT_LAYER and not same:
            reason += (
                f"; sized for the {counted(labels, 'label')} of the new alphabet and the blank"
            )
        return "new", reason
    return "kept", "from the source"


def _frozen_epochs(layer: str, kept: bool, flags: BootstrapFlags) -> int | None:
    if not kept or LAYERS.index(layer) >= flags.freeze_source_layers:
        return 0
    return flags.unfreeze_after_epochs or None


def shared_rows(source: Alphabet, target: Alphabet) -> dict[int, int]:
    """Return for each class of `target` that `source` has too, the class there; blank included."""
    positions = {label: index for index, label in enumerate(source.label_bytes())}
    rows = {
        index: positions[label]
        for index, label in enumerate(target.label_bytes())
        if label in positions
    }
    rows[target.blank] = source.blank
    return rows


def describe_difference(source: Alphabet, target: Alphabet) -> str:
    """Say how two alphabets differ: what each has alone, or that only the order differs."""
    if source.is_bytes != target.is_bytes:
        kinds = ["bytes" if alphabet.is_bytes else "characters" for alphabet in (source, target)]
        return f"the source writes {kinds[0]}, the new model {kinds[1]}"
    missing = [label for label in target.labels if label not in source.labels]
    gone = [label for label in source.labels if label not in target.labels]
    parts = []
    if missing:
        parts.append(f"{len(missing)} new: {_list_labels(missing)}")
    if gone:
        parts.append(f"{len(gone)} gone: {_list_labels(gone)}")
    return "; ".join(parts) or "the same characters in another order"


def _list_labels(labels: list[str], most: int = 12) -> str:
    shown = ", ".join(f"{label!r} ({describe_codepoints(label)})" for label in labels[:most])
    return shown + (f" and {len(labels) - most} more" if len(labels) > most else "")


def bootstrapped_tensors(
    plan: BootstrapPlan, source: Tensors, fresh: Tensors
) -> dict[str, NDArray[np.float32]]:
    """Carry out a plan.

    Args:
        plan: what to take.
        source: the source's weights.
        fresh: new weights of the planned geometry; only layers in `plan.new_layers` are read.

    Returns:
        The weights to start training from.
    """
    actions = {layer.layer: layer.action for layer in plan.layers}
    tensors = {}
    for name in plan.geometry.tensor_shapes():
        action = actions[layer_of(name)]
        tensors[name] = source[name] if action == "kept" else fresh[name]
        if action == "mapped":
            tensors[name] = tensors[name].copy()
            for row, source_row in plan.mapped_rows.items():
                tensors[name][row] = source[name][source_row]
    return tensors
