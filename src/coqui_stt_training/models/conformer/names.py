"""Names of a Conformer's parameters and tensors in transformers and in NVIDIA NeMo."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..foreign import ForeignConfig, without_prefix
from .specification import ConformerEncoder

Tensors = dict[str, NDArray[np.float32]]

MODEL_TYPES = (
    "wav2vec2-bert",
    "parakeet_ctc",
    "parakeet_encoder",
    "parakeet_rnnt",
    "parakeet_tdt",
)
# Prefix of the encoder in CTC models whose head is called `lm_head`.
IN_CTC_MODEL = {"wav2vec2-bert": "wav2vec2_bert."}
_PREFIXES = ("", "encoder.", *IN_CTC_MODEL.values(), "model.encoder.")
_IGNORED = (  # parts for pre-training, other decoders, and tables that follow from the settings
    "masked_spec_embed",
    "preprocessor.",
    "pos_enc.",
    "decoder.",
    "joint.",
    "encoder_projector.",
    "projector.",
    "classifier.",
    "layer_weights",
    "intermediate_ffn.",  # on top of the encoder, before the adapter that shortens its output
    "adapter.",
)
_END = r"(weight|bias)"
_HEADS = re.compile(rf"(lm_head|ctc_head|(?:ctc_)?decoder\.decoder_layers\.0)\.{_END}")
_STEM = re.compile(rf"(?:subsampling\.layers|pre_encode\.conv)\.(\d{{1,3}})\.{_END}")
_STEM_NAMES = {
    "subsampling.linear": "stem.projection",
    "pre_encode.out": "stem.projection",
    "feature_projection.layer_norm": "stem.norm",
    "feature_projection.projection": "stem.projection",
}
_BLOCK = re.compile(r"(?:encoder\.)?layers\.(\d{1,5})\.(.+)")
# Modules of a block, by foreign name.
_PARTS = {
    "norm_feed_forward1": "mlp_1.norm",
    "feed_forward1.linear1": "mlp_1.inner",
    "feed_forward1.linear2": "mlp_1.out",
    "norm_feed_forward2": "mlp_2.norm",
    "feed_forward2.linear1": "mlp_2.inner",
    "feed_forward2.linear2": "mlp_2.out",
    "norm_self_att": "attention_norm",
    "norm_conv": "convolution_norm",
    "norm_out": "norm",
    "ffn1_layer_norm": "mlp_1.norm",
    "ffn1.intermediate_dense": "mlp_1.inner",
    "ffn1.output_dense": "mlp_1.out",
    "ffn2_layer_norm": "mlp_2.norm",
    "ffn2.intermediate_dense": "mlp_2.inner",
    "ffn2.output_dense": "mlp_2.out",
    "self_attn_layer_norm": "attention_norm",
    "final_layer_norm": "norm",
    "self_attn.relative_k_proj": "attention.position",
    "self_attn.linear_pos": "attention.position",
    "conv_module.layer_norm": "convolution_norm",
    "conv_module.depthwise_layer_norm": "convolution.norm",
    "conv.norm": "convolution.norm",
    "conv.batch_norm": "convolution.norm",
    **{
        f"self_attn.{theirs}": f"attention.{ours}"
        for letter, ours in (("q", "query"), ("k", "key"), ("v", "value"), ("o", "out"))
        for theirs in (f"{letter}_proj", "linear_out" if letter == "o" else f"linear_{letter}")
    },
    **{
        f"{module}.{theirs}": f"convolution.{ours}"
        for module in ("conv", "conv_module")
        for theirs, ours in (
            ("pointwise_conv1", "inputs"),
            ("depthwise_conv", "depthwise"),
            ("pointwise_conv2", "outputs"),
        )
    },
}
_WHOLE = {
    "self_attn.bias_u": "attention.content_bias",
    "self_attn.pos_bias_u": "attention.content_bias",
    "self_attn.bias_v": "attention.position_bias",
    "self_attn.pos_bias_v": "attention.position_bias",
    "self_attn.distance_embedding.weight": "attention.distances",
}
_ENDS = ("weight", "bias", "running_mean", "running_var")


def specification_of(config: Mapping[str, Any]) -> ConformerEncoder:
    """Return the specification that a `config.json` of transformers describes.

    Raises:
        ValueError: values are missing, of the wrong type, or not supported.
    """
    with ForeignConfig(config) as values:
        kind = values.choice("model_type", MODEL_TYPES)
        values.expect("sampling_rate", 16000)
        if kind == "wav2vec2-bert":
            return _w2v_bert(values)
        return _parakeet(values if kind == "parakeet_encoder" else values.part("encoder_config"))


def _w2v_bert(values: ForeignConfig) -> ConformerEncoder:
    values.expect("layer_norm_eps", 1e-5)
    values.choice("hidden_act", ("swish", "silu"), "swish")
    positions = values.choice(
        "position_embeddings_type", ("relative_key", "relative"), "relative_key"
    )
    channels, stacked = values.integer("feature_size", 80), values.integer("stride", 2)
    values.expect(
        "feature_projection_input_dim", channels * stacked, given=("feature_size", "stride")
    )
    return ConformerEncoder(
        mel_channels=channels,
        stem="projection",
        reduction=stacked,
        width=values.integer("hidden_size", 1024),
        attention_heads=values.integer("num_attention_heads", 16),
        blocks=values.integer("num_hidden_layers", 24),
        mlp_width=values.integer("intermediate_size", 4096),
        kernel=values.integer("conv_depthwise_kernel_size", 31),
        positions="distances" if positions == "relative_key" else "sinusoids",
        farthest_before=values.integer("left_max_position_embeddings", 64),
        farthest_behind=values.integer("right_max_position_embeddings", 8),
        convolution_norm="layer",
        causal=True,
        convolution_bias=False,
        scale_input=False,
    )


def _parakeet(values: ForeignConfig) -> ConformerEncoder:
    values.choice("hidden_act", ("swish", "silu"), "silu")
    values.expect("subsampling_conv_kernel_size", 3)
    values.expect("subsampling_conv_stride", 2)
    return ConformerEncoder(
        mel_channels=values.integer("num_mel_bins", 80),
        reduction=values.integer("subsampling_factor", 8),
        stem_channels=values.integer("subsampling_conv_channels", 256),
        width=values.integer("hidden_size", 1024),
        attention_heads=values.integer("num_attention_heads", 8),
        blocks=values.integer("num_hidden_layers", 24),
        mlp_width=values.integer("intermediate_size", 4096),
        kernel=values.integer("conv_kernel_size", 9),
        bias=values.flag("attention_bias", True),
        convolution_bias=values.flag("convolution_bias", True),
        scale_input=values.flag("scale_input", True),
    )


# The only supported values of NeMo's settings.
_NEMO_SOUND: dict[str, Any] = {
    "sample_rate": 16000,
    "normalize": "per_feature",
    "window_size": 0.025,
    "window_stride": 0.01,
    "window": "hann",
    "n_fft": 512,
    "log": True,
    "frame_splicing": 1,
    "preemph": 0.97,
    "mag_power": 2.0,
}
_NEMO_ENCODER: dict[str, Any] = {
    "causal_downsampling": False,
    "self_attention_model": "rel_pos",
    "att_context_size": [-1, -1],
    "untie_biases": True,
    "conv_norm_type": "batch_norm",
    "conv_context_size": None,
    "reduction": None,
    "feat_out": -1,
    "global_tokens": 0,
}


def specification_of_nemo(config: Mapping[str, Any]) -> ConformerEncoder:
    """Return the specification that a `model_config.yaml` of NeMo describes.

    Args:
        config: content of the file; references to other values (`${...}`) may be unresolved.

    Raises:
        ValueError: values are missing, of the wrong type, or not supported.
    """
    with ForeignConfig({name: _nemo_part(part) for name, part in config.items()}) as values:
        return _nemo(values.part("preprocessor"), values.part("encoder"))


def _nemo(sound: ForeignConfig, values: ForeignConfig) -> ConformerEncoder:
    for name, wanted in _NEMO_SOUND.items():
        sound.expect(name, wanted)
    for name, wanted in _NEMO_ENCODER.items():
        values.expect(name, wanted)
    values.choice("subsampling", ("dw_striding",))
    width, bias = values.integer("d_model"), values.flag("use_bias", True)
    return ConformerEncoder(
        mel_channels=sound.integer("features", 64),
        reduction=values.integer("subsampling_factor", 4),
        stem_channels=values.integer("subsampling_conv_channels", width),
        width=width,
        attention_heads=values.integer("n_heads", 4),
        blocks=values.integer("n_layers"),
        mlp_width=width * values.integer("ff_expansion_factor", 4),
        kernel=values.integer("conv_kernel_size", 31),
        bias=bias,
        convolution_bias=bias,
        scale_input=values.flag("xscaling", True),
    )


def _nemo_part(part: Any) -> Any:
    """Return a part of NeMo's configuration without references and requests for a default."""
    if not isinstance(part, Mapping):
        return part
    asks_default = "subsampling_conv_channels"  # -1 means the width
    return {
        key: value
        for key, value in part.items()
        if not (isinstance(value, str) and value.startswith("${"))
        and not (key == asks_default and value == -1)
    }


def our_name(name: str, specification: ConformerEncoder) -> str | None:
    """Return our name of a tensor of the encoder or its CTC head, or None for other tensors."""
    if match := _HEADS.fullmatch(name):
        return f"output.{match[2]}"
    ours = (_our_bare_name(bare) for bare in without_prefix(name, _PREFIXES))
    return next(filter(None, ours), None)


def _our_bare_name(name: str) -> str | None:
    part, _, end = name.rpartition(".")
    if part in _STEM_NAMES and end in ("weight", "bias"):
        return f"{_STEM_NAMES[part]}.{end}"
    if match := _STEM.fullmatch(name):
        return _our_stem_name(int(match[1]), match[2])
    match = _BLOCK.fullmatch(name)
    if match is None:
        return None
    block = f"block_{int(match[1]) + 1}"
    if match[2] in _WHOLE:
        return f"{block}.{_WHOLE[match[2]]}"
    part, _, end = match[2].rpartition(".")
    return f"{block}.{_PARTS[part]}.{end}" if part in _PARTS and end in _ENDS else None


def _our_stem_name(position: int, end: str) -> str | None:
    """Return our name of a convolution of the stem, given its index among all its modules."""
    if position == 0:
        return f"stem.first.{end}"
    index, place = divmod(position - 2, 3)
    names = ("depthwise", "pointwise")
    return f"stem.more.{index}.{names[place]}.{end}" if position > 1 and place < 2 else None


def is_ignored(name: str) -> bool:
    """Say whether a tensor is known and not needed."""
    return name.endswith(".num_batches_tracked") or any(
        bare.startswith(_IGNORED) for bare in without_prefix(name, _PREFIXES)
    )


def convert(tensors: Tensors, specification: ConformerEncoder) -> Tensors:
    """Return tensors in our shapes: convolutions of one frame become linear layers."""
    products = (".inputs.weight", ".outputs.weight", "output.weight")
    return {
        name: tensor[:, :, 0]
        if name.endswith(products) and tensor.ndim == 3 and tensor.shape[2] == 1
        else tensor
        for name, tensor in tensors.items()
    }
