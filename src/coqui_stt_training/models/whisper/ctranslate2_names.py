"""Variables of Whisper's encoder in CTranslate2 (faster-whisper)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .specification import HEAD_WIDTH, WhisperEncoder

Tensors = dict[str, NDArray[np.float32]]

PREFIX = "encoder/"
HEADS = "encoder/num_heads"
SPECIFICATION = "WhisperSpec"
_BLOCK = re.compile(r"layer_(\d{1,4})/(.+)")
_ENDS = {"weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
_PLAIN = {"conv1": "convolutions.first", "conv2": "convolutions.second"}
_FUSED = "attention.query_key_value"  # rows of all three in one weight, which `convert` splits
_PARTS = {
    "self_attention/layer_norm": "attention_norm",
    "self_attention/linear_0": _FUSED,
    "self_attention/linear_1": "attention.out",
    "ffn/layer_norm": "mlp_norm",
    "ffn/linear_0": "mlp_in",
    "ffn/linear_1": "mlp_out",
}


def specification_of(
    shapes: Mapping[str, tuple[int, ...]], attention_heads: int | None
) -> WhisperEncoder:
    """Return the specification that follows from the shapes of variables.

    Args:
        shapes: shapes of the model's variables, by name.
        attention_heads: number of attention heads, or None if the file does not say it.

    Raises:
        ValueError: there is no encoder, or it is not supported.
    """
    sound = shapes.get(f"{PREFIX}conv1/weight", ())
    positions = shapes.get(f"{PREFIX}position_encodings/encodings", ())
    if len(sound) != 3 or len(positions) != 2:
        raise ValueError(
            "has no encoder/conv1/weight and encoder/position_encodings/encodings as a Whisper "
            "encoder has; it may be another part of such a model, a decoder alone for instance"
        )
    width, mel_channels, _ = sound
    numbers = {
        int(match[1])
        for name in shapes
        if (match := _BLOCK.match(name.removeprefix(PREFIX))) and name.startswith(PREFIX)
    }
    return WhisperEncoder(
        mel_channels=mel_channels,
        width=width,
        attention_heads=attention_heads or max(1, width // HEAD_WIDTH),
        blocks=len(numbers),
        positions=positions[0],
    )


def our_name(name: str, specification: WhisperEncoder) -> str | None:
    """Return our name of a variable of the encoder, or None for other variables."""
    name = name.removeprefix(PREFIX)
    if name == "position_encodings/encodings":
        return "convolutions.positions"
    part, _, end = name.rpartition("/")
    if end not in _ENDS:
        return None
    if match := _BLOCK.fullmatch(part):
        ours = _PARTS.get(match[2])
        return f"block_{int(match[1]) + 1}.{ours}.{_ENDS[end]}" if ours else None
    if part == "layer_norm":
        return f"block_{specification.blocks}.final_norm.{_ENDS[end]}"
    return f"{_PLAIN[part]}.{_ENDS[end]}" if part in _PLAIN else None


def convert(tensors: Tensors) -> Tensors:
    """Return tensors with separate queries, keys and values.

    The bias of the keys is left out. It is zero in every converted model, and has no effect, as it
    shifts all scores of a query by the same value.
    """
    converted = {}
    for name, tensor in tensors.items():
        if f".{_FUSED}." not in name or not tensor.ndim:
            converted[name] = tensor
            continue
        rows = -(-len(tensor) // 3)  # rounded up, so that other numbers give a wrong shape
        for number, part in enumerate(("query", "key", "value")):
            if (part, name.rpartition(".")[2]) != ("key", "bias"):
                ours = name.replace(_FUSED, f"attention.{part}")
                converted[ours] = np.ascontiguousarray(tensor[number * rows : (number + 1) * rows])
    return converted
