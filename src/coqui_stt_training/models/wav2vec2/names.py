"""Settings and tensor names of the wav2vec 2.0 family in Hugging Face's transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..foreign import ForeignConfig, without_prefix
from .specification import NORMS, Wav2Vec2Encoder

Tensors = dict[str, NDArray[np.float32]]

MODEL_TYPES = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "unispeech", "unispeech-sat")
# Prefix of the encoder in CTC models, by model type.
IN_CTC_MODEL = {kind: f"{kind.replace('-', '_')}." for kind in MODEL_TYPES}
_EXPECTED = {
    "hidden_act": "gelu",
    "feat_extract_activation": "gelu",
    "layer_norm_eps": 1e-5,
    "sampling_rate": 16000,
    "conv_pos_batch_norm": False,
}
_PREFIXES = ("", *IN_CTC_MODEL.values(), "encoder.")
_IGNORED = (  # parts for pre-training, and heads for other tasks
    "masked_spec_embed",
    "quantizer.",
    "project_q.",
    "project_hid.",
    "final_proj.",
    "projector.",
    "classifier.",
    "layer_weights",
    "label_embeddings_concat",
    "layer_norm_for_extract.",
    "speaker_proj.",
    "ctc_proj.",
    "adapter.",  # on top of the encoder; shortens its output
)
# Suffixes of the parts of a weight-normalised weight, which `convert` combines.
_LENGTH, _DIRECTION = ".length", ".direction"
# Foreign and our names of modules; # stands for a number.
MODULE_NAMES = {
    "feature_extractor.conv_layers.#.conv": "convolutions.samples.#.convolution",
    "feature_extractor.conv_layers.#.layer_norm": "convolutions.samples.#.norm",
    "feature_projection.layer_norm": "convolutions.projection_norm",
    "feature_projection.projection": "convolutions.projection",
    "encoder.pos_conv_embed.layers.#.conv": "convolutions.positions.#",
}
# The convolution for positions, if there is only one; its weight is weight-normalised.
THEIR_POSITIONS, OUR_POSITIONS = "encoder.pos_conv_embed.conv", "convolutions.positions.0"
_READ_MODULES = {**MODULE_NAMES, THEIR_POSITIONS: OUR_POSITIONS, "lm_head": "output"}
_READ_TENSORS = {
    f"{THEIR_POSITIONS}.weight_g": f"{OUR_POSITIONS}.weight{_LENGTH}",
    f"{THEIR_POSITIONS}.weight_v": f"{OUR_POSITIONS}.weight{_DIRECTION}",
    f"{THEIR_POSITIONS}.parametrizations.weight.original0": f"{OUR_POSITIONS}.weight{_LENGTH}",
    f"{THEIR_POSITIONS}.parametrizations.weight.original1": f"{OUR_POSITIONS}.weight{_DIRECTION}",
    "encoder.layers.0.attention.rel_attn_embed.weight": "convolutions.distances",
}
_NUMBER = re.compile(r"(?<=\.)\d+(?=\.|$)")
_BLOCK = re.compile(r"encoder\.layers\.(\d{1,5})\.(.+)")
BLOCK_NAMES = {
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


def specification_of(config: Mapping[str, Any]) -> Wav2Vec2Encoder:
    """Return the specification that a `config.json` of transformers describes.

    Args:
        config: content of the file, and of `preprocessor_config.json`, which says whether audio is
            normalised.

    Raises:
        ValueError: values are missing, of the wrong type, or not supported.
    """
    with ForeignConfig(config) as values:
        kind = values.choice("model_type", MODEL_TYPES)
        for name, wanted in _EXPECTED.items():
            values.expect(name, wanted)
        is_data2vec = kind == "data2vec-audio"
        norm_first = not is_data2vec and values.flag("do_stable_layer_norm", False)
        norm = "layer" if is_data2vec else values.choice("feat_extract_norm", NORMS, "group")
        with_adapter = norm_first and config.get("adapter_attn_dim") is not None
        return Wav2Vec2Encoder(
            # Only WavLM's small models were trained on audio that is not normalised.
            normalize=values.flag("do_normalize", kind != "wavlm" or norm == "layer"),
            convolution_norm=norm,
            convolution_bias=values.flag("conv_bias", False),
            projection_norm=kind != "hubert" or values.flag("feat_proj_layer_norm", True),
            norm_first=norm_first,
            relative_buckets=values.integer("num_buckets", 320) if kind == "wavlm" else None,
            relative_distance=values.integer("max_bucket_distance", 800),
            adapter_width=values.integer("adapter_attn_dim") if with_adapter else None,
            **_positions(values, is_data2vec=is_data2vec),
            **sizes_of(values, width=768, attention_heads=12, blocks=12, mlp_width=3072),
        )


def sizes_of(
    values: ForeignConfig, *, width: int, attention_heads: int, blocks: int, mlp_width: int
) -> dict[str, Any]:
    """Return the sizes of convolutions and blocks; the other arguments are defaults."""
    return {
        "channels": values.integers("conv_dim", (512,) * 7),
        "kernels": values.integers("conv_kernel", (10, 3, 3, 3, 3, 2, 2)),
        "strides": values.integers("conv_stride", (5, 2, 2, 2, 2, 2, 2)),
        "width": values.integer("hidden_size", width),
        "attention_heads": values.integer("num_attention_heads", attention_heads),
        "blocks": values.integer("num_hidden_layers", blocks),
        "mlp_width": values.integer("intermediate_size", mlp_width),
        "position_groups": values.integer("num_conv_pos_embedding_groups", 16),
    }


def _positions(values: ForeignConfig, *, is_data2vec: bool) -> dict[str, Any]:
    """Return the parameters of the convolutions for positions, which data2vec names differently."""
    if not is_data2vec:
        return {"position_kernel": values.integer("num_conv_pos_embeddings", 128)}
    return {
        "position_kernel": values.integer("conv_pos_kernel_size", 19),
        "position_depth": values.integer("num_conv_pos_embeddings", 5),
        "position_norm": True,
    }


def our_name(name: str, specification: Wav2Vec2Encoder) -> str | None:
    """Return our name of a tensor of the encoder or its CTC head, or None for other tensors."""
    ours = (_our_bare_name(bare, specification) for bare in without_prefix(name, _PREFIXES))
    return next(filter(None, ours), None)


def _our_bare_name(name: str, specification: Wav2Vec2Encoder) -> str | None:
    if name in ("encoder.layer_norm.weight", "encoder.layer_norm.bias"):
        ours = f"block_{specification.blocks}.final_norm"
        owner = ours if specification.norm_first else "convolutions.norm"
        return f"{owner}.{name.rsplit('.', 1)[1]}"
    if name in _READ_TENSORS:
        return _READ_TENSORS[name]
    module, _, end = name.rpartition(".")
    if end in ("weight", "bias") and (renamed := rename_module(module, _READ_MODULES)):
        return f"{renamed}.{end}"
    match = _BLOCK.fullmatch(name)
    if match and match[2] in BLOCK_NAMES:
        return f"block_{int(match[1]) + 1}.{BLOCK_NAMES[match[2]]}"
    return None


def rename_module(module: str, names: Mapping[str, str]) -> str | None:
    """Return the other name of a module, or None; in `names`, # stands for a number."""
    number = _NUMBER.search(module)
    if number is None:
        return names.get(module)
    other = names.get(f"{module[: number.start()]}#{module[number.end() :]}")
    return other and other.replace("#", number[0])


def is_ignored(name: str) -> bool:
    """Say whether a tensor is known and not needed."""
    return any(bare.startswith(_IGNORED) for bare in without_prefix(name, _PREFIXES))


def convert(tensors: Tensors, specification: Wav2Vec2Encoder) -> Tensors:
    """Return tensors in our shapes; weight-normalised weights become plain weights.

    Raises:
        ValueError: the length and direction of a weight do not fit each other.
    """
    converted = dict(tensors)
    for name, tensor in tensors.items():
        if name.endswith(".gate_scale"):
            converted[name] = tensor.reshape(-1)
        owner = name.removesuffix(_LENGTH)
        if owner != name and owner + _DIRECTION in tensors:
            converted[owner] = _folded(
                owner, converted.pop(name), converted.pop(owner + _DIRECTION)
            )
    return converted


def _folded(
    name: str, length: NDArray[np.float32], direction: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the weight of a convolution: the direction of each tap, times its length."""
    if direction.ndim != 3 or length.shape != (1, 1, direction.shape[2]):
        raise ValueError(
            f"{name}: lengths {list(length.shape)} do not go with a weight of "
            f"{list(direction.shape)}"
        )
    norms = np.sqrt((direction.astype(np.float64) ** 2).sum(axis=(0, 1)))
    scale = length[0, 0] / np.maximum(norms, np.finfo(np.float32).tiny)
    return np.asarray(direction * scale, dtype=np.float32)
