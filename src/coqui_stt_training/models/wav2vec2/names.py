"""How Hugging Face's transformers describe wav2vec 2.0 and its kin, and name their tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import CheckpointError
from ..translation import Array, Configuration
from .specification import Wav2Vec2Encoder

MODEL_TYPES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio")
_PREFIXES = ("", "wav2vec2.", "hubert.", "wavlm.", "data2vec_audio.", "encoder.")
_SURPLUS = (  # of pre-training, and heads for other tasks than transcribing
    "masked_spec_embed",
    "quantizer.",
    "project_q.",
    "project_hid.",
    "final_proj.",
    "projector.",
    "classifier.",
    "layer_weights",
)
_END = r"(weight|bias)"
_NAMES = tuple(
    (re.compile(pattern), ours)
    for pattern, ours in (
        (rf"feature_extractor\.conv_layers\.(\d+)\.conv\.{_END}",
         r"convolutions.samples.\1.convolution.\2"),
        (rf"feature_extractor\.conv_layers\.(\d+)\.layer_norm\.{_END}",
         r"convolutions.samples.\1.norm.\2"),
        (rf"feature_projection\.layer_norm\.{_END}", r"convolutions.projection_norm.\1"),
        (rf"feature_projection\.projection\.{_END}", r"convolutions.projection.\1"),
        (rf"encoder\.pos_conv_embed\.conv\.{_END}", r"convolutions.positions.0.\1"),
        (rf"encoder\.pos_conv_embed\.layers\.(\d+)\.conv\.{_END}",
         r"convolutions.positions.\1.\2"),
        (r"encoder\.layers\.0\.attention\.rel_attn_embed\.weight", "convolutions.distances"),
        (rf"lm_head\.{_END}", r"output.\1"),
    )
)  # fmt: skip
_BLOCK = re.compile(r"encoder\.layers\.(\d{1,5})\.(.+)")
_BLOCK_NAMES = {
    "attention.gru_rel_pos_const": "attention.gate_scale",
    **{
        f"{theirs}.{end}": f"{ours}.{end}"
        for theirs, ours in (
            ("attention.q_proj", "attention.query"),
            ("attention.k_proj", "attention.key"),
            ("attention.v_proj", "attention.value"),
            ("attention.out_proj", "attention.out"),
            ("attention.gru_rel_pos_linear", "attention.gate"),
            ("layer_norm", "attention_norm"),
            ("feed_forward.intermediate_dense", "mlp_in"),
            ("feed_forward.output_dense", "mlp_out"),
            ("final_layer_norm", "mlp_norm"),
            ("adapter_layer.norm", "adapter.norm"),
            ("adapter_layer.linear_1", "adapter.down"),
            ("adapter_layer.linear_2", "adapter.up"),
        )
        for end in ("weight", "bias")
    },
}
# What a weight-normalised weight is made of, in both spellings: its length and its direction.
_LENGTHS = (".weight_g", ".parametrizations.weight.original0")
_DIRECTIONS = (".weight_v", ".parametrizations.weight.original1")


def specification_of(
    config: Mapping[str, Any], preprocessor: Mapping[str, Any] | None = None
) -> Wav2Vec2Encoder:
    """Return the encoder that a `config.json` describes, with a linear head.

    Args:
        config: its values.
        preprocessor: those of `preprocessor_config.json`, where there is one: it says whether
            clips are normalised.

    Raises:
        CheckpointError: all values that are malformed, or not supported.
    """
    read = Configuration(config)
    kind = read.choice("model_type", None, *MODEL_TYPES)
    is_data2vec = kind == "data2vec-audio"
    read.choice("hidden_act", "gelu", "gelu")
    read.choice("feat_extract_activation", "gelu", "gelu")
    read.choice("layer_norm_eps", 1e-5, 1e-5)
    read.choice("add_adapter", False, False)
    read.choice("conv_pos_batch_norm", False, False)
    norm_first = not is_data2vec and read.boolean("do_stable_layer_norm", False)
    norm = "layer" if is_data2vec else read.choice("feat_extract_norm", "group", "group", "layer")
    with_adapter = norm_first and config.get("adapter_attn_dim") is not None
    # WavLM's small models, alone among these, were trained on samples as they are.
    clips = Configuration(preprocessor or {})
    normalize = clips.boolean("do_normalize", kind != "wavlm" or norm == "layer")
    read.problems += clips.problems
    kernel, depth = (19, 5) if is_data2vec else (128, 1)
    values: dict[str, Any] = {
        "normalize": normalize,
        "channels": read.integers("conv_dim", (512,) * 7),
        "kernels": read.integers("conv_kernel", (10, 3, 3, 3, 3, 2, 2)),
        "strides": read.integers("conv_stride", (5, 2, 2, 2, 2, 2, 2)),
        "convolution_norm": norm,
        "convolution_bias": read.boolean("conv_bias", False),
        "projection_norm": kind != "hubert" or read.boolean("feat_proj_layer_norm", True),
        "width": read.integer("hidden_size", 768),
        "attention_heads": read.integer("num_attention_heads", 12),
        "blocks": read.integer("num_hidden_layers", 12),
        "mlp_width": read.integer("intermediate_size", 3072),
        "norm_first": norm_first,
        "position_kernel": read.integer(
            "conv_pos_kernel_size" if is_data2vec else "num_conv_pos_embeddings", kernel
        ),
        "position_groups": read.integer("num_conv_pos_embedding_groups", 16),
        "position_depth": read.integer("num_conv_pos_embeddings", depth) if is_data2vec else 1,
        "position_norm": is_data2vec,
        "relative_buckets": read.integer("num_buckets", 320) if kind == "wavlm" else None,
        "relative_distance": read.integer("max_bucket_distance", 800),
        "adapter_width": read.integer("adapter_attn_dim", 16) if with_adapter else None,
    }
    read.check()
    try:
        return Wav2Vec2Encoder(**values)
    except ValueError as error:
        raise CheckpointError(f"its configuration does not fit: {error}") from None


def our_name(name: str, specification: Wav2Vec2Encoder) -> str | None:
    """Return our name of a tensor, or None: it is none of the encoder's or its CTC head's."""
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            ours = _our_bare_name(name.removeprefix(prefix), specification)
            if ours is not None:
                return ours
    return None


def _our_bare_name(name: str, specification: Wav2Vec2Encoder) -> str | None:
    if name in ("encoder.layer_norm.weight", "encoder.layer_norm.bias"):
        ours = f"block_{specification.blocks}.final_norm"
        owner = ours if specification.norm_first else "convolutions.norm"
        return f"{owner}.{name.rsplit('.', 1)[1]}"
    for pattern, ours in _NAMES:
        if match := pattern.fullmatch(name):
            return match.expand(ours)
    match = _BLOCK.fullmatch(name)
    if match and match[2] in _BLOCK_NAMES:
        return f"block_{int(match[1]) + 1}.{_BLOCK_NAMES[match[2]]}"
    return None


def is_surplus(name: str) -> bool:
    """Say whether a tensor may be left out: of pre-training, or a head for another task."""
    return any(
        name.removeprefix(prefix).startswith(_SURPLUS)
        for prefix in _PREFIXES
        if name.startswith(prefix)
    )


def convert(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Return tensors as ours are: plain weights where a length and a direction were kept apart.

    Raises:
        CheckpointError: a length without its direction, or the reverse, or that do not fit.
    """
    converted: dict[str, Array] = {}
    lengths: dict[str, Array] = {}
    directions: dict[str, Array] = {}
    for name, tensor in tensors.items():
        for parts, ends in ((lengths, _LENGTHS), (directions, _DIRECTIONS)):
            end = next((end for end in ends if name.endswith(end)), None)
            if end:
                parts[name.removesuffix(end)] = tensor
                break
        else:
            is_scale = name.endswith("gru_rel_pos_const")
            converted[name] = tensor.reshape(-1) if is_scale else tensor
    if lengths.keys() != directions.keys():
        alone = ", ".join(sorted(lengths.keys() ^ directions.keys()))
        raise CheckpointError(f"half of the weight is missing, its length or direction, of {alone}")
    for owner, length in lengths.items():
        converted[f"{owner}.weight"] = _folded(owner, length, directions[owner])
    return converted


def _folded(owner: str, length: Array, direction: Array) -> Array:
    """Return the weight of a convolution: each tap, over all channels, brought to its length."""
    if direction.ndim != 3 or length.shape != (1, 1, direction.shape[2]):
        raise CheckpointError(
            f"{owner}: lengths {list(length.shape)} do not go with a weight of "
            f"{list(direction.shape)}"
        )
    norms = np.sqrt((direction.astype(np.float64) ** 2).sum(axis=(0, 1)))
    scale = length[0, 0] / np.maximum(norms, np.finfo(np.float32).tiny)
    return np.asarray(direction * scale, dtype=np.float32)
