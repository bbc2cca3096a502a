"""Configurations of others that describe an encoder, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.models.wav2vec2 import names as wav2vec2
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder


def test_a_configuration_without_values_is_that_of_the_base_model() -> None:
    assert wav2vec2.specification_of({"model_type": "wav2vec2"}) == Wav2Vec2Encoder()


def test_all_unsupported_values_are_reported_at_once() -> None:
    config: dict[str, Any] = {
        "model_type": "hubert",
        "hidden_act": "relu",
        "add_adapter": True,
        "conv_pos_batch_norm": True,
        "layer_norm_eps": 1e-12,
        "hidden_size": "large",
        "conv_dim": [512, -1],
        "do_stable_layer_norm": 1,
        "num_hidden_layers": True,
        "feat_extract_norm": ["x"] * 100,
    }
    with pytest.raises(CheckpointError) as error:
        wav2vec2.specification_of(config)
    for key in config.keys() - {"model_type"}:
        assert key in str(error.value), key


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "model_type None is not supported"),
        ({"model_type": "gpt2"}, "model_type 'gpt2' is not supported"),
        ({"model_type": "wav2vec2", "conv_kernel": [10, 3]}, "convolutions"),
        ({"model_type": "wav2vec2", "conv_dim": []}, "convolutions"),
        ({"model_type": "wav2vec2", "hidden_size": 770}, "770 for 12 heads"),
        ({"model_type": "wavlm", "max_bucket_distance": 3}, "relative distance of 3"),
        ({"model_type": "wavlm", "num_buckets": 2}, "2 relative buckets"),
    ],
)
def test_a_configuration_of_no_encoder_is_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        wav2vec2.specification_of(config)


def test_what_a_preprocessor_says_must_be_true_or_false() -> None:
    with pytest.raises(CheckpointError, match="do_normalize is 'yes'"):
        wav2vec2.specification_of({"model_type": "wav2vec2"}, {"do_normalize": "yes"})
