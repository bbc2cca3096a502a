"""Dimensions and tensor names of Whisper's encoder in OpenAI's code.

Its `.pt` files have these names, as do the files of whisper.cpp (ggml).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..foreign import ForeignConfig
from .specification import WhisperEncoder

_PREFIX = "encoder."
_BLOCK = re.compile(r"blocks\.(\d{1,4})\.(.+)\.(weight|bias)")
_PLAIN = {"conv1": "convolutions.first", "conv2": "convolutions.second"}
_PARTS = {
    "attn_ln": "attention_norm",
    "attn.query": "attention.query",
    "attn.key": "attention.key",
    "attn.value": "attention.value",
    "attn.out": "attention.out",
    "mlp_ln": "mlp_norm",
    "mlp.0": "mlp_in",
    "mlp.2": "mlp_out",
}


def specification_of(dimensions: Mapping[str, Any]) -> WhisperEncoder:
    """Return the specification with OpenAI's dimensions.

    Raises:
        ValueError: dimensions are missing or not positive integers.
    """
    with ForeignConfig(dimensions) as values:
        return WhisperEncoder(
            mel_channels=values.integer("n_mels"),
            width=values.integer("n_audio_state"),
            attention_heads=values.integer("n_audio_head"),
            blocks=values.integer("n_audio_layer"),
            positions=values.integer("n_audio_ctx"),
        )


def our_name(name: str, specification: WhisperEncoder) -> str | None:
    """Return our name of a tensor of the encoder, or None for other tensors."""
    if not name.startswith(_PREFIX):
        return None
    name = name.removeprefix(_PREFIX)
    if name == "positional_embedding":
        return "convolutions.positions"
    if match := _BLOCK.fullmatch(name):
        number, part, end = match.groups()
        return f"block_{int(number) + 1}.{_PARTS[part]}.{end}" if part in _PARTS else None
    part, _, end = name.rpartition(".")
    if part == "ln_post":
        return f"block_{specification.blocks}.final_norm.{end}"
    return f"{_PLAIN[part]}.{end}" if part in _PLAIN else None


def is_ignored(name: str) -> bool:
    """Say whether a tensor is known and not needed."""
    return name.startswith(("decoder.", "alignment_heads"))


def convert(tensors: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return tensors in our shapes: whisper.cpp writes some biases as columns."""
    return {
        name: tensor[:, 0]
        if name.endswith(".bias") and tensor.ndim == 2 and tensor.shape[1] == 1
        else tensor
        for name, tensor in tensors.items()
    }
