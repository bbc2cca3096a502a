"""The DeepSpeech graph in plain NumPy, written from its definition: slow, but easy to verify."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coqui_stt_training.models.deepspeech.geometry import Geometry

Array = NDArray[np.float32]


def windows(mfcc: Array, n_context: int) -> Array:
    """Stack each frame with its context: `[frames, 26]` to `[frames, (2 * n_context + 1) * 26]`."""
    padded = np.pad(mfcc, ((n_context, n_context), (0, 0)))
    width = 2 * n_context + 1
    return np.stack([padded[t : t + width].reshape(-1) for t in range(len(mfcc))])


def logits(tensors: Mapping[str, Array], geometry: Geometry, inputs: Array) -> Array:
    """Run the graph on stacked windows: `[frames, inputs]` to `[frames, classes]`."""

    def dense(name: str, x: Array) -> Array:
        y = x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
        y = np.clip(y, 0, geometry.relu_clip)
        if not geometry.layer_norm:
            return y
        centred = y - y.mean(axis=-1, keepdims=True)
        y = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return y * tensors[f"{name}.norm.weight"] + tensors[f"{name}.norm.bias"]

    x = dense("layer_3", dense("layer_2", dense("layer_1", inputs)))
    x = dense("layer_5", lstm(tensors, x))
    return x @ tensors["layer_6.weight"].T + tensors["layer_6.bias"]


def lstm(tensors: Mapping[str, Array], x: Array) -> Array:
    """Run the LSTM from a zero state: `[frames, n_hidden]` to `[frames, n_hidden]`."""
    h = c = np.zeros(x.shape[1], np.float32)
    outputs = []
    for frame in x:
        gates = (
            tensors["lstm.weight_ih"] @ frame + tensors["lstm.weight_hh"] @ h + tensors["lstm.bias"]
        )
        i, f, g, o = np.split(gates, 4)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))
