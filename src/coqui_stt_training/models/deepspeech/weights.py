"""Converts weights of the DeepSpeech graph between upstream's names and layout, and ours.

    upstream                                      ours
    layer_1/weights            [inputs, outputs]  layer_1.weight       [outputs, inputs]
    layer_1/bias                                  layer_1.bias
    layer_1/LayerNorm/gamma, .../beta             layer_1.norm.weight, layer_1.norm.bias
    LSTM_SCOPE/kernel          [2H, 4H]           lstm.weight_ih [4H, H], lstm.weight_hh [4H, H]
    LSTM_SCOPE/bias            [4H]               lstm.bias [4H]

In upstream's LSTM kernel, the rows of the input come before those of the state, and the gates are
in the order input, cell, forget, output. Ours are in the order input, forget, cell, output, as in
PyTorch. Adam's moments and gradients are converted in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from stt.counted import some_of
from stt.frontends.mfcc_config import MFCC_COEFFICIENTS

from ...errors import CheckpointError
from .geometry import Geometry

Float32 = NDArray[np.float32]

LSTM_SCOPE = "cudnn_lstm/rnn/multi_rnn_cell/cell_0/cudnn_compatible_lstm_cell"
_NORM_NAMES = {"norm.weight": "LayerNorm/gamma", "norm.bias": "LayerNorm/beta"}
_ROWS_AT_A_TIME = 256
_LISTED = 4


def upstream_name(name: str) -> str:
    """Return upstream's name of one of our tensors; both LSTM weights are in one kernel."""
    layer, kind = name.split(".", 1)
    if layer == "lstm":
        return f"{LSTM_SCOPE}/{'bias' if kind == 'bias' else 'kernel'}"
    return f"{layer}/{_NORM_NAMES.get(kind, 'weights' if kind == 'weight' else kind)}"


def upstream_shapes(geometry: Geometry) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor under upstream's names and in its layout."""
    shapes = {upstream_name(name): shape[::-1] for name, shape in geometry.tensor_shapes().items()}
    shapes[f"{LSTM_SCOPE}/kernel"] = (2 * geometry.n_hidden, 4 * geometry.n_hidden)
    return shapes


def from_upstream(tensors: Mapping[str, Float32]) -> dict[str, Float32]:
    """Return tensors under our names and in our layout.

    Args:
        tensors: some or all tensors of `upstream_shapes`, by upstream's names. The caller must not
            use them afterwards: the LSTM's gates are reordered in place, as its kernel is by far
            the largest tensor.

    Returns:
        Views of the given arrays; matrices are transposed.

    Raises:
        KeyError: a name is not upstream's.
    """
    ours: dict[str, Float32] = {}
    for name, tensor in tensors.items():
        scope, kind = name.rsplit("/", 1)
        if scope == LSTM_SCOPE:
            reordered = _swap_cell_and_forget(tensor)
            if kind == "bias":
                ours["lstm.bias"] = reordered
                continue
            inputs = len(tensor) // 2
            ours["lstm.weight_ih"] = reordered[:inputs].T
            ours["lstm.weight_hh"] = reordered[inputs:].T
            continue
        layer, _, norm = scope.partition("/")
        kinds = {"gamma": "norm.weight", "beta": "norm.bias"} if norm else {"weights": "weight"}
        ours[f"{layer}.{'bias' if not norm and kind == 'bias' else kinds[kind]}"] = tensor.T
    return ours


def to_upstream(tensors: Mapping[str, Float32]) -> dict[str, Float32]:
    """Return tensors under upstream's names and in its layout; the inverse of `from_upstream`.

    Args:
        tensors: some or all tensors of `Geometry.tensor_shapes`, with both LSTM weights or neither.
    """
    theirs: dict[str, Float32] = {}
    for name, tensor in tensors.items():
        if name == "lstm.weight_ih":
            kernel = np.concatenate([tensor.T, tensors["lstm.weight_hh"].T])
            theirs[upstream_name(name)] = _swap_cell_and_forget(kernel)
        elif name == "lstm.bias":
            theirs[upstream_name(name)] = _swap_cell_and_forget(np.array(tensor))
        elif name != "lstm.weight_hh":
            theirs[upstream_name(name)] = tensor.T
    return theirs


def _swap_cell_and_forget(columns: Float32) -> Float32:
    """Swap the second and third quarter of the last axis, in place."""
    gates = columns.reshape(-1, 4, columns.shape[-1] // 4)  # a view: the arrays are contiguous
    for start in range(0, len(gates), _ROWS_AT_A_TIME):
        rows = gates[start : start + _ROWS_AT_A_TIME]
        second = rows[:, 1].copy()
        rows[:, 1] = rows[:, 2]
        rows[:, 2] = second
    return columns


def geometry_of(shapes: Mapping[str, tuple[int, ...]], relu_clip: float, source: str) -> Geometry:
    """Return the geometry that follows from the shapes of upstream's tensors, after checking them.

    Args:
        shapes: shapes of tensors by upstream's names; other names are ignored.
        relu_clip: upper bound of the activations, which does not follow from the shapes.
        source: path of the file, for messages.

    Raises:
        CheckpointError: a tensor is missing, or its shape does not fit the others.
    """
    plain = [name for name in upstream_shapes(Geometry(1, 1)) if name not in shapes]
    if plain:
        raise CheckpointError(
            f"{source} has no {some_of(plain, _LISTED)}; it is not a checkpoint of Coqui STT or "
            "DeepSpeech 0.6 or later, or only a part of one (it has "
            f"{some_of(sorted(shapes), _LISTED) or 'nothing'})"
        )
    ends = {name: shapes[name] for name in ("layer_1/weights", "layer_6/weights")}
    for name, shape in ends.items():
        if len(shape) != 2 or 0 in shape:
            raise CheckpointError(f"{source}: {name} has shape {list(shape)}; it must be a matrix")
    inputs, n_hidden = ends["layer_1/weights"]
    windows, rest = divmod(inputs, MFCC_COEFFICIENTS)
    if rest or windows % 2 == 0:
        raise CheckpointError(
            f"{source}: layer_1/weights has {inputs} inputs; an odd number of windows of "
            f"{MFCC_COEFFICIENTS} coefficients is expected (494 = 19 x 26)"
        )
    geometry = Geometry(
        n_hidden=n_hidden,
        n_classes=ends["layer_6/weights"][1],
        layer_norm=any("/LayerNorm/" in name for name in shapes),
        n_context=windows // 2,
        relu_clip=relu_clip,
    )
    _check_shapes(shapes, upstream_shapes(geometry), source)
    return geometry


def _check_shapes(
    shapes: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]], source: str
) -> None:
    missing = [name for name in expected if name not in shapes]
    if missing:
        raise CheckpointError(
            f"{source} has layer normalisation in some layers, but no "
            f"{some_of(missing, _LISTED)}; it must be in layers 1, 2, 3 and 5"
        )
    for name, shape in expected.items():
        if shapes[name] != shape:
            raise CheckpointError(
                f"{source}: {name} has shape {list(shapes[name])}; {list(shape)} goes with the "
                "other tensors"
            )
