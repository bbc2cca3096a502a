"""Reads TensorFlow 1 checkpoints of Coqui STT 0.9 - 1.4 and Mozilla DeepSpeech 0.5 - 0.9.

Checkpoints of `--train_cudnn`, of CPU training and of `--automatic_mixed_precision` hold the same
weights under the same names. Those of cuDNN lack the LSTM's moments in this form, and those of
mixed precision also hold the state of the loss scaling. Other tensors are not read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import CheckpointError
from ...models.deepspeech.geometry import Geometry
from ...models.deepspeech.weights import (
    LSTM_SCOPE,
    Float32,
    from_upstream,
    geometry_of,
    upstream_shapes,
)
from ..source import AdamState, SourceModel, is_finite
from .tensorflow_bundle import TensorBundle
from .tensorflow_directory import alphabet_beside, features_of, number_flag, read_flags

DEFAULT_RELU_CLIP = 20.0
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_CUDNN_WEIGHTS = "cudnn_lstm/opaque_kernel"
_LOSS_SCALE = "current_loss_scale"
# DeepSpeech 0.5 and earlier: the LSTM has another name, and its cell adds a forget bias of 1 (the
# default of LSTMBlockFusedCell). In 0.6 and later the variable contains the whole bias.
_OLD_LSTM_SCOPE = "lstm_fused_cell"
_OLD_FORGET_BIAS = 1.0
_ADAM_SLOTS = ("Adam", "Adam_1")  # first and second moments


def load_tensorflow(prefix: Path, *, optimizer: bool = True) -> SourceModel:
    """Load a TensorFlow 1 checkpoint.

    Args:
        prefix: path of the checkpoint without `.index`.
        optimizer: whether to read Adam's moments too, which are two thirds of the file.

    Raises:
        CheckpointError: the checkpoint is missing, damaged, or not one of upstream's.
    """
    bundle = TensorBundle(prefix)
    if _OBJECT_GRAPH in bundle.entries:
        raise CheckpointError(
            f"{bundle.index_path} is a checkpoint of TensorFlow 2 or Keras (it has an object "
            "graph); checkpoints of Coqui STT and DeepSpeech are TensorFlow 1's"
        )
    flags = read_flags(prefix.parent / "flags.txt")
    stored = _stored_names(bundle)
    shapes = {name: bundle.entries[at].shape for name, at in stored.items()}
    relu_clip = number_flag(flags, "relu_clip")
    geometry = geometry_of(
        shapes,
        relu_clip if relu_clip and relu_clip > 0 else DEFAULT_RELU_CLIP,
        str(bundle.index_path),
    )
    weights = {name: bundle.read(at) for name, at in stored.items()}
    _check_finite(weights, prefix)
    notes = []
    if f"{_OLD_LSTM_SCOPE}/kernel" in bundle.entries:
        n_hidden = geometry.n_hidden
        weights[f"{LSTM_SCOPE}/bias"][2 * n_hidden : 3 * n_hidden] += _OLD_FORGET_BIAS
        notes.append("The LSTM's forget bias of 1, which DeepSpeech 0.5 added, is in its bias now.")
    step = _read_step(bundle)
    adam, adam_note = _read_adam(bundle, geometry, stored, flags, step, wanted=optimizer)
    features, features_note = features_of(flags)
    alphabet, alphabet_note = alphabet_beside(prefix.parent, geometry.n_classes)
    notes += [note for note in (adam_note, features_note, alphabet_note) if note]
    return SourceModel(
        format="tensorflow-1",
        path=prefix,
        specification=geometry,
        tensors=_in_order(from_upstream(weights), geometry),
        alphabet=alphabet,
        features=features,
        adam=adam,
        learning_rate=_read_scalar(bundle, "learning_rate"),
        step=step,
        notes=tuple(notes),
        details=_details(bundle, flags),
    )


def _stored_names(bundle: TensorBundle) -> dict[str, str]:
    """Return the name in the checkpoint of each tensor, by its name in current upstream."""
    present = bundle.entries
    names = {name: name for name in upstream_shapes(Geometry(1, 1, layer_norm=True))}
    if f"{_OLD_LSTM_SCOPE}/kernel" in present and f"{LSTM_SCOPE}/kernel" not in present:
        for name in ("kernel", "bias"):
            names[f"{LSTM_SCOPE}/{name}"] = f"{_OLD_LSTM_SCOPE}/{name}"
    if "h1" in present and "layer_1/weights" not in present:
        for layer in "12356":
            names[f"layer_{layer}/weights"] = f"h{layer}"
            names[f"layer_{layer}/bias"] = f"b{layer}"
    return {name: at for name, at in names.items() if at in present}


def _in_order(tensors: Mapping[str, Float32], geometry: Geometry) -> dict[str, Float32]:
    return {name: tensors[name] for name in geometry.tensor_shapes()}


def _check_finite(weights: Mapping[str, Float32], prefix: Path) -> None:
    for name, tensor in weights.items():
        if not is_finite(tensor):
            raise CheckpointError(
                f"{prefix}: tensor {name!r} holds NaN or infinite values; its training diverged, "
                "so take an earlier checkpoint"
            )


def _read_scalar(bundle: TensorBundle, name: str) -> float | None:
    """Return a float32 scalar, or None if it is missing or not finite."""
    entry = bundle.entries.get(name)
    if entry is None or entry.shape != ():
        return None
    value = float(bundle.read(name))
    return value if math.isfinite(value) else None


def _read_step(bundle: TensorBundle) -> int:
    entry = bundle.entries.get("global_step")
    if entry is None or entry.shape != ():
        return 0
    return max(0, int(bundle.read("global_step", "int32" if entry.dtype == "int32" else "int64")))


def _read_adam(
    bundle: TensorBundle,
    geometry: Geometry,
    stored: Mapping[str, str],
    flags: Mapping[str, Any],
    step: int,
    *,
    wanted: bool,
) -> tuple[AdamState | None, str | None]:
    """Return Adam's state, and a note if moments are missing; those are zero, as in upstream."""
    with_moments = {
        name: at
        for name, at in stored.items()
        if all(f"{at}/{slot}" in bundle.entries for slot in _ADAM_SLOTS)
    }
    if not with_moments:
        return None, "The optimizer's state is not stored."
    if not wanted:
        return None, None
    first, second = (_read_moments(bundle, geometry, with_moments, slot) for slot in _ADAM_SLOTS)
    lacking = sorted({_layer(name) for name in stored if name not in with_moments})
    note = (
        f"The optimizer's state is not stored for {', '.join(lacking)}; there it starts from zero."
    )
    return AdamState(first, second, _adam_step(bundle, flags, step)), note if lacking else None


def _layer(name: str) -> str:
    return "lstm" if name.startswith(LSTM_SCOPE) else name.split("/", 1)[0]


def _read_moments(
    bundle: TensorBundle, geometry: Geometry, with_moments: Mapping[str, str], slot: str
) -> dict[str, Float32]:
    shapes = upstream_shapes(geometry)
    read: dict[str, Float32] = {}
    for name, at in with_moments.items():
        shape = bundle.entries[f"{at}/{slot}"].shape
        if shape != shapes[name]:
            raise CheckpointError(
                f"{bundle.index_path}: {at}/{slot} has shape {list(shape)}; its tensor has "
                f"{list(shapes[name])}"
            )
        read[name] = bundle.read(f"{at}/{slot}")
    ours = from_upstream(read)
    return {
        name: ours[name] if name in ours else np.zeros(shape, np.float32)
        for name, shape in geometry.tensor_shapes().items()
    }


def _adam_step(bundle: TensorBundle, flags: Mapping[str, Any], step: int) -> int:
    """Return the number of Adam's steps, given by beta2_power = beta2^(steps + 1).

    It differs from the number of training steps after transfer learning. The power underflows after
    some hundred thousand steps, when it no longer matters.
    """
    power = _read_scalar(bundle, "beta2_power")
    beta2 = np.float32(number_flag(flags, "beta2") or 0.999)
    if power is None or not 0 < beta2 < 1 or not 1e-30 < power < 1:
        return step
    counted = max(0, round(math.log(power) / math.log(beta2)) - 1)
    # Each step has rounded the power. If both counts agree within that error, the training's
    # count is the exact one.
    return step if abs(counted - step) <= 1 + step // 100 else counted


def _details(bundle: TensorBundle, flags: Mapping[str, Any]) -> dict[str, Any]:
    cudnn = _CUDNN_WEIGHTS in bundle.entries
    return {
        "trained_with_cudnn": cudnn,
        "trained_with_mixed_precision": _LOSS_SCALE in bundle.entries,
        "data_files": bundle.shard_count,
        "size_bytes": sum(entry.size_bytes for entry in bundle.entries.values()),
        "dropped_source_layers": int(number_flag(flags, "drop_source_layers") or 0),
    }
