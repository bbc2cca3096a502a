"""wav2vec 2.0 and its kin give what they give in Hugging Face's transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.models.translation import translate
from coqui_stt_training.models.wav2vec2 import names
from stt.frontends.waveform import Waveform

from .foreign_encoders import assert_same, ours, randomised, translated

transformers = pytest.importorskip(
    "transformers", reason="needs transformers, which the extra `test` installs"
)

SMALL = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40,
    "conv_dim": [8, 8, 12], "conv_kernel": [10, 3, 2], "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 4, "vocab_size": 7, "layerdrop": 0.0,
}  # fmt: skip
LARGE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
MODELS = {
    "wav2vec2-base": ("Wav2Vec2", {}),
    "xls-r": ("Wav2Vec2", LARGE),
    "mms": ("Wav2Vec2", {**LARGE, "adapter_attn_dim": 6}),
    "hubert-base": ("Hubert", {}),
    "hubert-large": ("Hubert", LARGE),
    "hubert-without-projection-norm": ("Hubert", {"feat_proj_layer_norm": False}),
    "wavlm-base": ("WavLM", {"num_buckets": 8, "max_bucket_distance": 12}),
    "wavlm-large": ("WavLM", {**LARGE, "num_buckets": 12, "max_bucket_distance": 20}),
    "data2vec-audio": (
        "Data2VecAudio",
        {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5},
    ),
}  # fmt: skip


def make(
    family: str, parameters: dict[str, Any], kind: str = "ForCTC"
) -> tuple[nn.Module, dict[str, Any]]:
    config = getattr(transformers, f"{family}Config")(**{**SMALL, **parameters})
    model = randomised(getattr(transformers, f"{family}{kind}")(config))
    return model, config.to_dict()


def clips(*lengths: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, 1, generator=generator) for length in lengths]


@pytest.mark.parametrize(("family", "parameters"), MODELS.values(), ids=list(MODELS))
def test_logits_are_the_same(family: str, parameters: dict[str, Any]) -> None:
    model, config = make(family, parameters)
    translation = translated(model, config, names)
    assert translation.specification.n_classes == 7
    assert translation.ignored == 1  # masked_spec_embed
    assert_same(ours(translation), lambda x: model(x[:, :, 0]).logits, clips(1200, 777, 400, 95))


@pytest.mark.parametrize("family", ["Wav2Vec2", "Hubert", "WavLM", "Data2VecAudio"])
def test_an_encoder_alone_is_read_too(family: str) -> None:
    model, config = make(family, {}, "Model")
    translation = translated(model, config, names)
    assert "output.weight" not in translation.tensors
    last = len(translation.specification.encoder_layers)
    assert_same(
        ours(translation), lambda x: model(x[:, :, 0]).last_hidden_state, clips(500, 321), last
    )


def test_what_pre_training_needs_is_left_out_and_counted() -> None:
    parameters = {"codevector_dim": 8, "proj_codevector_dim": 8}
    model, config = make("Wav2Vec2", parameters, "ForPreTraining")
    theirs = [name for name in model.state_dict() if not name.startswith("wav2vec2.")]
    assert translated(model, config, names).ignored == len(theirs) + 1


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_both_spellings_of_weight_normalisation_are_the_same_weight(prefix: str) -> None:
    model, config = make("Wav2Vec2", {}, "Model")
    new = {prefix + name: tensor.numpy() for name, tensor in model.state_dict().items()}
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in new.items()
    }
    assert old.keys() != new.keys()
    specification = names.specification_of(config)
    one, other = (translate(each, specification, names).tensors for each in (new, old))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    expected = model.encoder.pos_conv_embed.conv.weight.detach().numpy()
    np.testing.assert_allclose(one["convolutions.positions.0.weight"], expected, rtol=1e-5)


def test_all_that_does_not_fit_is_reported_at_once() -> None:
    model, config = make("Wav2Vec2", {})
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    del tensors["wav2vec2.encoder.layers.1.attention.k_proj.bias"]
    tensors["wav2vec2.encoder.layers.7.attention.k_proj.bias"] = np.zeros(24, np.float32)
    tensors["wav2vec2.surprise"] = np.zeros(3, np.float32)
    tensors["wav2vec2.feature_projection.projection.weight"] = np.zeros((24, 5), np.float32)
    with pytest.raises(CheckpointError) as error:
        translate(tensors, names.specification_of(config), names)
    for part in (
        "block_2.attention.key.bias is missing",
        "block_8.attention.key.bias is not part of the model",
        "wav2vec2.surprise is not known",
        "convolutions.projection.weight is [24, 5] instead of [24, 12]",
    ):
        assert part in str(error.value)


def test_half_a_normalised_weight_is_refused() -> None:
    model, config = make("Wav2Vec2", {})
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    direction = next(name for name in tensors if name.endswith("original1"))
    short = {**tensors, direction: tensors[direction][:, :, :-1]}
    with pytest.raises(CheckpointError, match="do not go with a weight"):
        translate(short, names.specification_of(config), names)
    del tensors[direction]
    with pytest.raises(CheckpointError, match="half of the weight is missing"):
        translate(tensors, names.specification_of(config), names)


@pytest.mark.parametrize("normalize", [True, False])
def test_the_front_end_is_the_feature_extractor(normalize: bool) -> None:
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=normalize)
    samples = np.random.default_rng(0).normal(0.1, 0.3, 1000).astype(np.float32)
    expected = extractor(samples, sampling_rate=16000, return_tensors="np").input_values[0]
    specification = names.specification_of({"model_type": "wav2vec2"}, extractor.to_dict())
    assert specification.front_end == Waveform(normalize)
    np.testing.assert_allclose(
        specification.front_end.extractor()(samples)[:, 0], expected, atol=1e-5
    )
