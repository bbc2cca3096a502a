"""Configurations of others that describe an encoder, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from coqui_stt_training.models.wav2vec2 import names as wav2vec2
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder


def test_a_configuration_without_values_is_that_of_the_base_model() -> None:
    assert wav2vec2.specification_of({"model_type": "wav2vec2"}) == Wav2Vec2Encoder()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gpt2"}, "model_type is 'gpt2'"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'; only 'gelu'"),
        ({"add_adapter": True}, "add_adapter is True; only False"),
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
