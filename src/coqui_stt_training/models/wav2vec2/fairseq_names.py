"""Settings and tensor names of the wav2vec 2.0 family in fairseq.

WavLM is not part of fairseq, but published in the same form. Names are first converted to those of
transformers, and these to ours by `names.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..foreign import ForeignConfig
from . import names
from .specification import Wav2Vec2Encoder

_EXPECTED = {
    "activation_fn": "gelu",
    "layer_type": "transformer",
    "quantize_input": False,
    "conv_pos_batch_norm": False,
}
_MODES = {"default": "group", "layer_norm": "layer"}
_PREFIXES = ("w2v_encoder.w2v_model.", "w2v_model.")
_HEAD = "w2v_encoder.proj."
_IGNORED = (  # parts for pre-training
    "mask_emb", "quantizer.", "input_quantizer.", "project_q.", "final_proj.", "target_glu.",
    "label_embs_concat", "_ema", "encoder.version",
)  # fmt: skip
# fairseq evaluates a Python expression for the list of (channels, kernel, stride).
_LAYER = re.compile(r"\(\s*(\d{1,6})\s*,\s*(\d{1,6})\s*,\s*(\d{1,6})\s*\)")
# Each run of spaces can match in one way only: two ways would take exponential time to fail.
_TERM = re.compile(rf"\s*\[\s*((?:{_LAYER.pattern}\s*(?:,\s*)?)+)\]\s*(?:\*\s*(\d{{1,2}})\s*)?")
_LONGEST_LIST = 2000
_NAMES = tuple(
    (re.compile(pattern), theirs)
    for pattern, theirs in (
        (r"feature_extractor\.conv_layers\.(\d+)\.0\.(weight|bias)",
         r"feature_extractor.conv_layers.\1.conv.\2"),
        (r"feature_extractor\.conv_layers\.(\d+)\.2(?:\.1)?\.(weight|bias)",
         r"feature_extractor.conv_layers.\1.layer_norm.\2"),
        (r"post_extract_proj\.(weight|bias)", r"feature_projection.projection.\1"),
        (r"layer_norm\.(weight|bias)", r"feature_projection.layer_norm.\1"),
        (r"encoder\.pos_conv\.0\.(weight_g|weight_v|weight|bias)",
         r"encoder.pos_conv_embed.conv.\1"),
        (r"encoder\.pos_conv\.(\d+)\.0\.(weight|bias)",
         r"encoder.pos_conv_embed.layers.\1.conv.\2"),
        (r"encoder\.layers\.0\.self_attn\.relative_attention_bias\.weight",
         "encoder.layers.0.attention.rel_attn_embed.weight"),
        (r"(encoder\.layers\.\d+)\.self_attn\.grep_a", r"\1.attention.gru_rel_pos_const"),
        (r"(encoder\.layers\.\d+)\.self_attn\.grep_linear\.(weight|bias)",
         r"\1.attention.gru_rel_pos_linear.\2"),
        (r"(encoder\.layers\.\d+)\.self_attn\.([qkv]|out)_proj\.(weight|bias)",
         r"\1.attention.\2_proj.\3"),
        (r"(encoder\.layers\.\d+)\.self_attn_layer_norm\.(weight|bias)", r"\1.layer_norm.\2"),
        (r"(encoder\.layers\.\d+)\.fc1\.(weight|bias)", r"\1.feed_forward.intermediate_dense.\2"),
        (r"(encoder\.layers\.\d+)\.fc2\.(weight|bias)", r"\1.feed_forward.output_dense.\2"),
        (r"(encoder\.layers\.\d+\.final_layer_norm\.(?:weight|bias))", r"\1"),
        (r"(encoder\.layer_norm\.(?:weight|bias))", r"\1"),
    )
)  # fmt: skip


def specification_of(model: Mapping[str, Any], normalize: bool) -> Wav2Vec2Encoder:
    """Return the specification that fairseq's settings of a model describe.

    Args:
        model: settings of the pre-trained model.
        normalize: whether audio is normalised to mean 0 and variance 1, a setting of the task.

    Raises:
        ValueError: values are missing, of the wrong type, or not supported.
    """
    with ForeignConfig(model) as values:
        for name, wanted in _EXPECTED.items():
            values.expect(name, wanted)
        layers = values.parsed(
            "conv_feature_layers", _convolutions, "a list like [(512, 10, 5)] + [(512, 3, 2)] * 4"
        )
        depth, kernel = values.integer("pos_conv_depth", 1), values.integer("conv_pos", 128)
        relative = values.flag("relative_position_embedding", False)
        return Wav2Vec2Encoder(
            normalize=normalize,
            channels=tuple(layer[0] for layer in layers),
            kernels=tuple(layer[1] for layer in layers),
            strides=tuple(layer[2] for layer in layers),
            convolution_norm=_MODES[values.choice("extractor_mode", tuple(_MODES), "default")],
            convolution_bias=values.flag("conv_bias", False),
            width=values.integer("encoder_embed_dim"),
            attention_heads=values.integer("encoder_attention_heads"),
            blocks=values.integer("encoder_layers"),
            mlp_width=values.integer("encoder_ffn_embed_dim"),
            norm_first=values.flag("layer_norm_first", False),
            position_kernel=kernel if depth == 1 else max(3, kernel // depth),
            position_groups=values.integer("conv_pos_groups", 16),
            position_depth=depth,
            position_norm=depth > 1,
            relative_buckets=values.integer("num_buckets", 320) if relative else None,
            relative_distance=values.integer("max_distance", 1280) if relative else 800,
        )


def _convolutions(text: str) -> list[tuple[int, ...]]:
    """Return channels, kernel and stride of each convolution; an empty list if it is invalid."""
    layers: list[tuple[int, ...]] = []
    for term in text[:_LONGEST_LIST].split("+"):
        match = _TERM.fullmatch(term)
        if match is None:
            return []
        found = [tuple(map(int, layer)) for layer in _LAYER.findall(match[1])]
        layers += found * int(match[5] or 1)
    return layers


def our_name(name: str, specification: Wav2Vec2Encoder) -> str | None:
    """Return our name of a tensor of the encoder or its CTC head, or None for other tensors."""
    if name.startswith(_HEAD):
        return f"output.{name.removeprefix(_HEAD)}"
    bare = _bare(name)
    for pattern, theirs in _NAMES:
        if match := pattern.fullmatch(bare):
            return names.our_name(match.expand(theirs), specification)
    return None


def is_ignored(name: str) -> bool:
    """Say whether a tensor is known and not needed."""
    return _bare(name).startswith(_IGNORED)


def _bare(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name
