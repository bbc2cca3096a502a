"""Settings and tensor names of Whisper's encoder in Hugging Face's transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..foreign import ForeignConfig
from .specification import WhisperEncoder

_PREFIXES = ("model.encoder.", "encoder.", "")
_PLAIN = {
    "conv1": "convolutions.first",
    "conv2": "convolutions.second",
    "self_attn_layer_norm": "attention_norm",
    "self_attn.q_proj": "attention.query",
    "self_attn.k_proj": "attention.key",
    "self_attn.v_proj": "attention.value",
    "self_attn.out_proj": "attention.out",
    "final_layer_norm": "mlp_norm",
    "fc1": "mlp_in",
    "fc2": "mlp_out",
}
_BLOCK = re.compile(r"layers\.(\d{1,4})\.(.+)\.(weight|bias)")
# The decoder, which our head replaces, and heads for other tasks.
_IGNORED = ("model.decoder.", "decoder.", "proj_out.", "projector.", "classifier.", "layer_weights")


def specification_of(config: Mapping[str, Any]) -> WhisperEncoder:
    """Return the specification that a `config.json` of transformers describes.

    Raises:
        ValueError: values are missing, of the wrong type, or not supported.
    """
    with ForeignConfig(config) as values:
        width = values.integer("d_model")
        values.expect("sampling_rate", 16000)
        values.expect("activation_function", "gelu")
        values.expect("encoder_ffn_dim", 4 * width, given=("d_model",))
        values.expect("scale_embedding", False)
        return WhisperEncoder(
            mel_channels=values.integer("num_mel_bins", 80),
            width=width,
            attention_heads=values.integer("encoder_attention_heads"),
            blocks=values.integer("encoder_layers"),
            positions=values.integer("max_source_positions", 1500),
        )


def our_name(name: str, specification: WhisperEncoder) -> str | None:
    """Return our name of a tensor of the encoder, or None for other tensors."""
    name = name.removeprefix(next(prefix for prefix in _PREFIXES if name.startswith(prefix)))
    if name == "embed_positions.weight":
        return "convolutions.positions"
    if match := _BLOCK.fullmatch(name):
        number, part, kind = match.groups()
        found = _PLAIN.get(part)
        return f"block_{int(number) + 1}.{found}.{kind}" if found else None
    part, _, kind = name.rpartition(".")
    if part == "layer_norm":
        return f"block_{specification.blocks}.final_norm.{kind}"
    return f"{_PLAIN[part]}.{kind}" if part in _PLAIN else None


def is_ignored(name: str) -> bool:
    """Say whether a tensor is known and not needed."""
    return name.startswith(_IGNORED)
