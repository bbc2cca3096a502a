"""Writes an encoder of the wav2vec 2.0 family with a linear head as a CTC model of transformers.

This is the inverse of `names.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .names import (
    BLOCK_NAMES,
    IN_CTC_MODEL,
    MODULE_NAMES,
    OUR_POSITIONS,
    THEIR_POSITIONS,
    rename_module,
)
from .specification import Wav2Vec2Encoder

Array = NDArray[np.float32]

_CLASSES = {
    "wav2vec2": "Wav2Vec2ForCTC",
    "hubert": "HubertForCTC",
    "wavlm": "WavLMForCTC",
    "data2vec-audio": "Data2VecAudioForCTC",
}
_BLOCK = re.compile(r"block_(\d+)\.(.+)")
_IN_BLOCK = {ours: theirs for theirs, ours in BLOCK_NAMES.items()}
_OUR_MODULES = {
    **{ours: theirs for theirs, ours in MODULE_NAMES.items()},
    "convolutions.norm": "encoder.layer_norm",
}
_FINAL_NORM = ".final_norm"


def model_type_of(specification: Wav2Vec2Encoder) -> str:
    """Return a model type with such parameters; HuBERT mostly has those of wav2vec 2.0."""
    if specification.relative_buckets:
        return "wavlm"
    if specification.position_norm:
        return "data2vec-audio"
    return "wav2vec2" if specification.projection_norm else "hubert"


def config_of(specification: Wav2Vec2Encoder) -> dict[str, Any]:
    """Return the `config.json` of a model, without its vocabulary."""
    kind = model_type_of(specification)
    config: dict[str, Any] = {
        "model_type": kind,
        "architectures": [_CLASSES[kind]],
        "hidden_size": specification.width,
        "num_hidden_layers": specification.blocks,
        "num_attention_heads": specification.attention_heads,
        "intermediate_size": specification.mlp_width,
        "conv_dim": list(specification.channels),
        "conv_kernel": list(specification.kernels),
        "conv_stride": list(specification.strides),
        "num_feat_extract_layers": len(specification.channels),
        "conv_bias": specification.convolution_bias,
        "num_conv_pos_embedding_groups": specification.position_groups,
        # Masks would need a vector from pre-training, which we do not have.
        "mask_time_prob": 0.0,
        "mask_feature_prob": 0.0,
    }
    if kind == "data2vec-audio":
        return config | {
            "conv_pos_kernel_size": specification.position_kernel,
            "num_conv_pos_embeddings": specification.position_depth,
        }
    config |= {
        "feat_extract_norm": specification.convolution_norm,
        "do_stable_layer_norm": specification.norm_first,
        "num_conv_pos_embeddings": specification.position_kernel,
    }
    if kind == "wavlm":
        config["num_buckets"] = specification.relative_buckets
        config["max_bucket_distance"] = specification.relative_distance
    if kind == "hubert":
        config["feat_proj_layer_norm"] = specification.projection_norm
    if specification.adapter_width:
        config["adapter_attn_dim"] = specification.adapter_width
    return config


def preprocessor_of(specification: Wav2Vec2Encoder) -> dict[str, Any]:
    """Return the `preprocessor_config.json` of a model."""
    return {
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "sampling_rate": specification.front_end.sample_rate_hz,
        "do_normalize": specification.normalize,
        "padding_value": 0.0,
        "padding_side": "right",
        # transformers normalises the first convolution over time including padding, without a mask.
        "return_attention_mask": specification.convolution_norm == "layer",
    }


def their_tensors(specification: Wav2Vec2Encoder, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """Return the tensors of an encoder by their names in the CTC model of transformers.

    Args:
        specification: specification of the encoder.
        tensors: tensors by our names; those of the head are left out.
    """
    prefix = IN_CTC_MODEL[model_type_of(specification)]
    return {
        prefix + theirs: np.ascontiguousarray(tensor)
        for name in specification.encoder_shapes()
        for theirs, tensor in _written(specification, name, tensors[name])
    }


def _written(
    specification: Wav2Vec2Encoder, name: str, tensor: Array
) -> Iterator[tuple[str, Array]]:
    """Yield the tensors that represent one of ours: mostly one, with another name."""
    if name == f"{OUR_POSITIONS}.weight" and not specification.position_norm:
        lengths = np.sqrt((tensor.astype(np.float64) ** 2).sum(axis=(0, 1), keepdims=True))
        yield f"{THEIR_POSITIONS}.weight_g", lengths.astype(np.float32)
        yield f"{THEIR_POSITIONS}.weight_v", tensor
    elif name.startswith(f"{OUR_POSITIONS}.") and not specification.position_norm:
        yield THEIR_POSITIONS + name.removeprefix(OUR_POSITIONS), tensor
    elif name == "convolutions.distances":
        yield "encoder.layers.0.attention.rel_attn_embed.weight", tensor
    elif name.endswith(".gate_scale"):
        yield _their_name(name), tensor.reshape(1, -1, 1, 1)
    else:
        yield _their_name(name), tensor


def _their_name(name: str) -> str:
    match = _BLOCK.fullmatch(name)
    if match and match[2] in _IN_BLOCK:
        return f"encoder.layers.{int(match[1]) - 1}.{_IN_BLOCK[match[2]]}"
    module, _, end = name.rpartition(".")
    if module.endswith(_FINAL_NORM):
        module = "convolutions.norm"  # in transformers both have one name
    theirs = rename_module(module, _OUR_MODULES)
    if theirs is None:
        raise KeyError(name)
    return f"{theirs}.{end}"
