"""Foreign configurations that describe a supported encoder, and those that do not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from coqui_stt_training.models.conformer import names as conformer
from coqui_stt_training.models.conformer.specification import ConformerEncoder
from coqui_stt_training.models.wav2vec2 import names as wav2vec2
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder
from coqui_stt_training.models.whisper import names as whisper


def test_a_configuration_without_values_is_that_of_the_base_model() -> None:
    assert wav2vec2.specification_of({"model_type": "wav2vec2"}) == Wav2Vec2Encoder()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gpt2"}, "model_type is 'gpt2'"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'; only 'gelu'"),
        ({"conv_pos_batch_norm": True}, "conv_pos_batch_norm is True"),
        ({"layer_norm_eps": 1e-12}, "layer_norm_eps is 1e-12"),
        ({"hidden_size": "large"}, "hidden_size is 'large'"),
        ({"do_stable_layer_norm": 1}, "do_stable_layer_norm is 1"),
        ({"feat_extract_norm": "batch"}, "feat_extract_norm is 'batch'; group, layer"),
        ({"do_normalize": "yes"}, "do_normalize is 'yes'"),
        ({"conv_kernel": [10, 3]}, "convolutions"),
        ({"conv_dim": []}, "conv_dim"),
        ({"conv_dim": [1 << 30] * 7}, "convolutions"),
        ({"hidden_size": 770}, "width 770 for 12 heads"),
        ({"model_type": "wavlm", "max_bucket_distance": 3}, "relative distance of 3"),
        ({"model_type": "wavlm", "num_buckets": 2}, "2 relative buckets"),
    ],
)
def test_a_configuration_of_no_wav2vec_encoder_is_refused(
    config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        wav2vec2.specification_of({"model_type": "wav2vec2", **config})


def test_parakeet_without_values_is_the_default_conformer() -> None:
    assert conformer.specification_of({"model_type": "parakeet_encoder"}) == ConformerEncoder()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "conformer"}, "model_type is 'conformer'"),
        ({"model_type": "parakeet_ctc"}, "encoder_config is None"),
        ({"model_type": "parakeet_encoder", "subsampling_factor": 6}, "a reduction of 6"),
        ({"model_type": "parakeet_encoder", "num_mel_bins": 81}, "for 81 mel channels"),
        ({"model_type": "parakeet_encoder", "conv_kernel_size": 8}, "an even kernel of 8"),
        ({"model_type": "parakeet_encoder", "hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"model_type": "wav2vec2-bert", "position_embeddings_type": "rotary"}, "'rotary'"),
        ({"model_type": "wav2vec2-bert", "feature_projection_input_dim": 80}, "is 80; only 160"),
        ({"model_type": "wav2vec2-bert", "hidden_size": 1000}, "width 1000 for 16 heads"),
    ],
)
def test_a_configuration_of_no_conformer_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conformer.specification_of(config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "preprocessor is None"),
        ({"preprocessor": {}, "encoder": []}, r"encoder is \[\]"),
        ({"preprocessor": {"normalize": "NA"}, "encoder": {}}, "normalize is 'NA'"),
        ({"preprocessor": {"sample_rate": 8000}, "encoder": {}}, "sample_rate is 8000"),
        ({"preprocessor": {}, "encoder": {"att_context_size": [70, 13]}}, "att_context_size"),
        ({"preprocessor": {}, "encoder": {"conv_norm_type": "layer_norm"}}, "conv_norm_type"),
        ({"preprocessor": {}, "encoder": {"subsampling": "striding"}}, "subsampling is 'striding'"),
        ({"preprocessor": {}, "encoder": {"subsampling": "dw_striding"}}, "d_model is None"),
    ],
)
def test_settings_of_nemo_that_are_not_built_here(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        conformer.specification_of_nemo(config)


@pytest.mark.parametrize(
    ("describe", "config", "problems"),
    [
        (
            whisper.specification_of,
            {"d_model": "wide", "encoder_layers": 2, "encoder_ffn_dim": 64,
             "activation_function": "relu"},
            "d_model is 'wide', and must be a positive whole number; activation_function is "
            "'relu'; only 'gelu' can be read; encoder_attention_heads is None, and must be a "
            "positive whole number",
        ),
        (
            whisper.specification_of,
            {"d_model": 30, "encoder_layers": 2, "encoder_attention_heads": 4,
             "encoder_ffn_dim": 120, "max_source_positions": 30},
            "impossible in a Whisper encoder: width 30 for 4 heads; 30 positions, no multiple of 4",
        ),
        (
            conformer.specification_of_nemo,
            {"preprocessor": {"sample_rate": 8000}, "encoder": {"subsampling": "striding"}},
            "preprocessor.sample_rate is 8000; only 16000 can be read; encoder.subsampling is "
            "'striding'; dw_striding can be read; encoder.d_model is None, and must be a positive "
            "whole number; encoder.n_layers is None, and must be a positive whole number",
        ),
        (
            wav2vec2.specification_of,
            {"model_type": "wav2vec2", "conv_bias": 1, "conv_dim": "x" * 200},
            "conv_bias is 1, and must be true or false; "
            f"conv_dim is '{'x' * 37}...{'x' * 38}', and must be a list of positive whole numbers",
        ),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_said_at_once(
    describe: Callable[[dict[str, Any]], object], config: dict[str, Any], problems: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(problems)) as caught:
        describe(config)
    assert str(caught.value) == problems
