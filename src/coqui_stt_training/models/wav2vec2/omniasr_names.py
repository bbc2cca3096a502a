"""Settings and tensor names of Omnilingual ASR in Hugging Face's transformers.

Its encoder (https://arxiv.org/abs/2511.09690) is a wav2vec 2.0 with other names, below a CTC head
or a language model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..foreign import ForeignConfig, without_prefix
from .names import BLOCK_NAMES, OUR_POSITIONS, rename_module, sizes_of
from .specification import Wav2Vec2Encoder

_ENCODER, _WITH_CTC, _WITH_LANGUAGE_MODEL = MODEL_TYPES = (
    "omniasr_audio", "omniasr_ctc", "omniasr"
)  # fmt: skip
_PREFIXES = ("", "model.audio_tower.", "audio_tower.")
_IGNORED = ("language_model.", "multi_modal_projector.", "lm_head.")
_MODULES = {
    "subsampling.conv_layers.#.conv": "convolutions.samples.#.convolution",
    "subsampling.conv_layers.#.layer_norm": "convolutions.samples.#.norm",
    "subsampling.layer_norm": "convolutions.projection_norm",
    "subsampling.projection": "convolutions.projection",
    "encode_positions.conv": OUR_POSITIONS,
    "ctc_head": "output",
}
_BLOCK = re.compile(r"layers\.(\d{1,5})\.(.+)")


def specification_of(config: Mapping[str, Any]) -> Wav2Vec2Encoder:
    """Return the specification that a `config.json` of transformers describes.

    Args:
        config: content of the file, and of `preprocessor_config.json`, which says whether audio is
            normalised.

    Raises:
        ValueError: values are missing, of the wrong type, or not supported.
    """
    with ForeignConfig(config) as whole:
        kind = whole.choice("model_type", MODEL_TYPES)
        values = whole if kind == _ENCODER else whole.part("audio_config")
        values.expect("hidden_act", "gelu")
        values.expect("layer_norm_eps", 1e-5)
        return Wav2Vec2Encoder(
            normalize=whole.flag("do_normalize", True),
            convolution_norm="layer",
            convolution_bias=values.flag("conv_bias", True),
            norm_first=True,
            position_kernel=values.integer("num_conv_pos_embeddings", 128),
            **sizes_of(values, width=1024, attention_heads=16, blocks=24, mlp_width=4096),
        )


def our_name(name: str, specification: Wav2Vec2Encoder) -> str | None:
    """Return our name of a tensor of the encoder or its CTC head, or None for other tensors."""
    ours = (_our_bare_name(bare, specification) for bare in without_prefix(name, _PREFIXES))
    return next(filter(None, ours), None)


def _our_bare_name(name: str, specification: Wav2Vec2Encoder) -> str | None:
    module, _, end = name.rpartition(".")
    if end not in ("weight", "bias"):
        return None
    if module == "layer_norm":
        return f"block_{specification.blocks}.final_norm.{end}"
    if match := _BLOCK.fullmatch(name):
        ours = BLOCK_NAMES.get(match[2])
        return ours and f"block_{int(match[1]) + 1}.{ours}"
    renamed = rename_module(module, _MODULES)
    return renamed and f"{renamed}.{end}"


def is_ignored(name: str) -> bool:
    """Say whether a tensor is known and not needed."""
    return name.removeprefix("model.").startswith(_IGNORED)
