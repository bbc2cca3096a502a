"""How CTranslate2 (faster-whisper) describes a Whisper model, and names the encoder's tensors."""

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
_FUSED = "attention.query_key_value"  # one product, one below the other, until `convert`
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
    """Return the specification that shapes of variables tell.

    Args:
        shapes: of the model's variables, by name.
        attention_heads: as the file says, None where it does not.

    Raises:
        ValueError: there is no encoder, or one that is not built here.
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
    """Return our name of a variable, or None where it is no tensor of the encoder's."""
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
    """Return tensors as our specification has them: queries, keys and values apart.

    The keys' bias is zero in every converted model, and would change nothing: it moves all scores
    of a query alike.
    """
    converted = {}
    for name, tensor in tensors.items():
        if f".{_FUSED}." not in name or not tensor.ndim:
            converted[name] = tensor
            continue
        rows = -(-len(tensor) // 3)  # rounded up: what cannot be shared has a wrong shape then
        for number, part in enumerate(("query", "key", "value")):
            if (part, name.rpartition(".")[2]) != ("key", "bias"):
                ours = name.replace(_FUSED, f"attention.{part}")
                converted[ours] = np.ascontiguousarray(tensor[number * rows : (number + 1) * rows])
    return converted
