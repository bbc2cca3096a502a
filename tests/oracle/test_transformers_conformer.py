"""Conformers and their front ends give the results of Hugging Face's transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.models.conformer import names
from stt.frontends.fbank import Fbank
from stt.frontends.normalized_log_mel import NormalizedLogMel

from .transformers_models import CLASSES, ROWS, assert_same, ours, randomised, saved

transformers = pytest.importorskip(
    "transformers", reason="needs transformers, which the extra `test` installs"
)

PARAKEET = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
    "subsampling_conv_channels": 6, "num_mel_bins": 16, "conv_kernel_size": 5,
}  # fmt: skip
W2V_BERT = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 40,
    "conv_depthwise_kernel_size": 5, "left_max_position_embeddings": 9,
    "right_max_position_embeddings": 4, "vocab_size": CLASSES, "layerdrop": 0.0,
}  # fmt: skip


def parakeet(**parameters: Any) -> Any:
    encoder = {**PARAKEET, **parameters}
    config = transformers.ParakeetCTCConfig(
        vocab_size=CLASSES, pad_token_id=0, encoder_config=encoder
    )
    return randomised(transformers.ParakeetForCTC(config))


def w2v_bert(kind: str = "ForCTC", **parameters: Any) -> Any:
    config = transformers.Wav2Vec2BertConfig(**{**W2V_BERT, **parameters})
    return randomised(getattr(transformers, f"Wav2Vec2Bert{kind}")(config))


def clips(values: int, *lengths: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, values, generator=generator) for length in lengths]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"subsampling_factor": 4, "scale_input": False},
        {"attention_bias": False, "convolution_bias": False},
    ],
)
def test_parakeet_gives_the_same_logits(parameters: dict[str, Any], tmp_path: Path) -> None:
    model = parakeet(**parameters)
    source = saved(model, tmp_path)
    assert source.features == NormalizedLogMel(16)
    assert_same(ours(source), lambda x: model(x).logits[:, :, ROWS], clips(16, 130, 97, 33, 8, 1))


@pytest.mark.parametrize("positions", ["relative_key", "relative"])
def test_w2v_bert_gives_the_same_logits(positions: str, tmp_path: Path) -> None:
    model = w2v_bert(position_embeddings_type=positions)
    source = saved(model, tmp_path)
    assert source.features == Fbank(80, 2)
    assert_same(ours(source), lambda x: model(x).logits[:, :, ROWS], clips(160, 40, 29, 7, 1))


def test_encoders_alone_are_read_too(tmp_path: Path) -> None:
    for number, (model, values) in enumerate(((w2v_bert("Model"), 160), (parakeet().encoder, 16))):
        source = saved(model, tmp_path / str(number))
        assert not source.has_output
        layers = len(source.specification.layers) - 1
        assert_same(
            ours(source),
            lambda x, model=model: model(x).last_hidden_state,  # type: ignore[misc]
            clips(values, 40, 23),
            layers,
        )


def test_an_adapter_on_top_is_left_out_with_the_output_on_it(tmp_path: Path) -> None:
    adapter = {"add_adapter": True, "output_hidden_size": 24}
    for number, more in enumerate(({}, {"use_intermediate_ffn_before_adapter": True})):
        model = w2v_bert(**adapter, **more)
        source = saved(model, tmp_path / str(number))
        assert (source.has_output, source.alphabet) == (False, None)
        assert "it stands on an adapter on top of the encoder" in source.notes[0]
        model.wav2vec2_bert.adapter = model.wav2vec2_bert.intermediate_ffn = None
        assert_same(
            ours(source),
            lambda x, model=model: model.wav2vec2_bert(x).last_hidden_state,  # type: ignore[misc]
            clips(160, 40, 23),
            len(source.specification.layers) - 1,
        )


def test_tokens_that_are_no_characters_leave_the_head_out(tmp_path: Path) -> None:
    saved(parakeet(), tmp_path)
    (tmp_path / "vocab.json").unlink()
    (tmp_path / "tokenizer.json").write_text("{}")
    source = load_source(tmp_path)
    assert not source.has_output
    assert source.alphabet is None
    assert any("pieces of words" in note for note in source.notes)


def test_nemos_names_and_settings_are_the_same_model(tmp_path: Path) -> None:
    expected = saved(parakeet(), tmp_path)
    spelled = {
        "subsampling.layers": "pre_encode.conv", "subsampling.linear": "pre_encode.out",
        "q_proj": "linear_q", "k_proj": "linear_k", "v_proj": "linear_v", "o_proj": "linear_out",
        "relative_linear_k": "linear_pos", "bias_u": "pos_bias_u", "bias_v": "pos_bias_v",
        "conv.norm": "conv.batch_norm", "ctc_head": "decoder.decoder_layers.0",
    }  # fmt: skip
    specification = names.specification_of_nemo(NEMO)
    tensors = {}
    for name, tensor in load_file(tmp_path / "model.safetensors").items():
        for theirs, nemos in spelled.items():
            name = name.replace(theirs, nemos)
        tensors[name] = tensor
    tensors["preprocessor.featurizer.fb"] = np.zeros((1, 16, 257), np.float32)
    read = {
        ours: tensor
        for name, tensor in tensors.items()
        if (ours := names.our_name(name, specification)) is not None
    }
    assert sorted(n for n in tensors if names.our_name(n, specification) is None) == sorted(
        n for n in tensors if names.is_ignored(n) and not n.startswith("decoder.")
    )
    read = names.convert(read, specification)
    assert specification == expected.specification.with_classes(1)
    assert read.keys() == expected.tensors.keys()
    for name in read:
        if not name.startswith("output."):
            np.testing.assert_array_equal(read[name], expected.tensors[name])


NEMO: dict[str, Any] = {
    "sample_rate": 16000,
    "preprocessor": {
        "sample_rate": "${sample_rate}", "normalize": "per_feature", "window_size": 0.025,
        "window_stride": 0.01, "window": "hann", "features": 16, "n_fft": 512, "log": True,
        "frame_splicing": 1, "dither": 1e-5, "pad_to": 0, "pad_value": 0.0,
    },
    "encoder": {
        "feat_in": "${preprocessor.features}", "feat_out": -1, "n_layers": 2, "d_model": 24,
        "subsampling": "dw_striding", "subsampling_factor": 8, "subsampling_conv_channels": 6,
        "causal_downsampling": False, "ff_expansion_factor": 2, "self_attention_model": "rel_pos",
        "n_heads": 4, "att_context_size": [-1, -1], "xscaling": True, "untie_biases": True,
        "conv_kernel_size": 5, "conv_norm_type": "batch_norm", "conv_context_size": None,
    },
}  # fmt: skip


def sound(samples: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    times = np.arange(samples)
    noise = np.random.default_rng(0).normal(size=samples)
    return (0.2 * noise * np.sin(times / 500) + 0.01).astype(np.float32)


@pytest.mark.parametrize("samples", [16000, 16100, 8123, 720])
def test_the_front_end_of_w2v_bert(samples: int) -> None:
    clip = sound(samples)
    theirs = transformers.SeamlessM4TFeatureExtractor()(
        clip, sampling_rate=16000, return_tensors="np"
    )
    expected = theirs.input_features[0][theirs.attention_mask[0] == 1]
    features = Fbank().extractor(np)(clip)
    assert len(features) == Fbank().frame_count(samples)
    np.testing.assert_allclose(features, expected, atol=1e-4)
    on_torch = Fbank().extractor(torch)(torch.from_numpy(clip)).numpy()
    np.testing.assert_allclose(on_torch, features, atol=1e-6)


@pytest.mark.parametrize("channels", [80, 128])
@pytest.mark.parametrize("samples", [16000, 16100, 8123, 720])
def test_the_front_end_of_parakeet(samples: int, channels: int) -> None:
    clip = sound(samples)
    theirs = transformers.ParakeetFeatureExtractor(feature_size=channels)(
        clip, sampling_rate=16000, return_tensors="np"
    )
    expected = theirs.input_features[0][np.asarray(theirs.attention_mask[0]) == 1]
    front_end = NormalizedLogMel(channels)
    features = front_end.extractor(np)(clip)
    assert len(features) == front_end.frame_count(samples)
    np.testing.assert_allclose(features, expected, atol=2e-4)
    on_torch = front_end.extractor(torch)(torch.from_numpy(clip)).numpy()
    np.testing.assert_allclose(on_torch, features, atol=1e-6)
