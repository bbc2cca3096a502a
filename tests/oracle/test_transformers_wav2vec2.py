"""wav2vec 2.0 and related models give the results of Hugging Face's transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.checkpoints.conversion import convert
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.transformers_conversion import convert_to_transformers
from coqui_stt_training.errors import CheckpointError
from stt.frontends.waveform import Waveform

from .transformers_models import CLASSES, ROWS, assert_same, ours, randomised, saved

transformers = pytest.importorskip(
    "transformers", reason="needs transformers, which the extra `test` installs"
)

SMALL = {
    "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 40,
    "conv_dim": [8, 8, 12], "conv_kernel": [10, 3, 2], "conv_stride": [5, 2, 2],
    "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 6,
    "num_conv_pos_embedding_groups": 4, "vocab_size": CLASSES, "layerdrop": 0.0,
}  # fmt: skip
LARGE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "wav2vec2-base": ("Wav2Vec2", {}),
    "xls-r": ("Wav2Vec2", LARGE),
    "mms": ("Wav2Vec2", {**LARGE, "adapter_attn_dim": 6}),
    "hubert-base": ("Hubert", {}),
    "hubert-large": ("Hubert", LARGE),
    "hubert-without-projection-norm": ("Hubert", {"feat_proj_layer_norm": False}),
    "wavlm-base": ("WavLM", {"num_buckets": 8, "max_bucket_distance": 12}),
    "wavlm-large": ("WavLM", {**LARGE, "num_buckets": 12, "max_bucket_distance": 20}),
    "unispeech": ("UniSpeech", {"num_ctc_classes": CLASSES}),
    "unispeech-sat": ("UniSpeechSat", LARGE),
    "data2vec-audio": (
        "Data2VecAudio",
        {"num_conv_pos_embeddings": 3, "conv_pos_kernel_size": 5},
    ),
}


def make(family: str, parameters: dict[str, Any], kind: str = "ForCTC") -> Any:
    config = getattr(transformers, f"{family}Config")(**{**SMALL, **parameters})
    return randomised(getattr(transformers, f"{family}{kind}")(config))


def clips(*lengths: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(length, 1, generator=generator) for length in lengths]


@pytest.mark.parametrize(("family", "parameters"), MODELS.values(), ids=list(MODELS))
def test_logits_are_the_same(family: str, parameters: dict[str, Any], tmp_path: Path) -> None:
    model = make(family, parameters)
    source = saved(model, tmp_path)
    assert source.alphabet is not None
    assert source.alphabet.labels == ("c", " ", "a", "b", "e", "d")
    assert source.notes == ("1 tensor of other parts of the model is left out.",)
    assert_same(
        ours(source), lambda x: model(x[:, :, 0]).logits[:, :, ROWS], clips(1200, 777, 400, 95)
    )


@pytest.mark.parametrize("family", ["Wav2Vec2", "Hubert", "WavLM", "Data2VecAudio"])
def test_an_encoder_alone_is_read_too(family: str, tmp_path: Path) -> None:
    model = make(family, {}, "Model")
    source = saved(model, tmp_path)
    assert not source.has_output
    layers = len(source.specification.layers) - 1
    assert_same(
        ours(source), lambda x: model(x[:, :, 0]).last_hidden_state, clips(500, 321), layers
    )


def test_what_pre_training_needs_is_left_out_and_counted(tmp_path: Path) -> None:
    parameters = {"codevector_dim": 8, "proj_codevector_dim": 8}
    source = saved(make("Wav2Vec2", parameters, "ForPreTraining"), tmp_path)
    assert source.notes == ("8 tensors of other parts of the model are left out.",)
    assert not source.has_output


@pytest.mark.parametrize("family", ["UniSpeech", "UniSpeechSat"])
def test_what_pre_training_of_unispeech_needs_is_left_out(family: str, tmp_path: Path) -> None:
    parameters = {"codevector_dim": 8, "proj_codevector_dim": 8, "num_ctc_classes": 9}
    source = saved(make(family, parameters, "ForPreTraining"), tmp_path)
    assert not source.has_output
    assert "other parts of the model are left out." in source.notes[0]


def test_an_adapter_on_top_is_left_out_with_the_output_on_it(tmp_path: Path) -> None:
    model = make("Wav2Vec2", {"add_adapter": True, "output_hidden_size": 24})
    source = saved(model, tmp_path)
    assert (source.has_output, source.alphabet) == (False, None)
    assert "it stands on an adapter on top of the encoder (add_adapter)" in source.notes[0]

    def theirs(x: Tensor) -> Tensor:
        wav2vec2 = model.wav2vec2
        hidden, _ = wav2vec2.feature_projection(
            wav2vec2.feature_extractor(x[:, :, 0]).transpose(1, 2)
        )
        return wav2vec2.encoder(hidden).last_hidden_state  # type: ignore[no-any-return]

    assert_same(ours(source), theirs, clips(500, 321), len(source.specification.layers) - 1)


def make_omnilingual(kind: str, part: str) -> Any:
    """Return a model of Omnilingual ASR: the encoder alone, or with a CTC head or text decoder."""
    if not hasattr(transformers, f"OmniASR{part}"):
        pytest.skip(f"transformers {transformers.__version__} has no Omnilingual ASR")
    audio = {name: value for name, value in SMALL.items() if name in AUDIO}
    text = {
        "model_type": "llama", "vocab_size": 9, "hidden_size": 8, "intermediate_size": 8,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2,
    }  # fmt: skip
    parameters: dict[str, dict[str, Any]] = {
        "Audio": audio,
        "CTC": {"audio_config": audio, "vocab_size": CLASSES},
        "": {"audio_config": audio, "text_config": text},
    }
    config = getattr(transformers, f"OmniASR{kind}Config")(**parameters[kind])
    return randomised(getattr(transformers, f"OmniASR{part}")(config))


AUDIO = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "conv_dim",
    "conv_kernel", "conv_stride", "num_conv_pos_embeddings", "num_conv_pos_embedding_groups",
)  # fmt: skip


def test_omnilingual_asr_is_one_under_other_names(tmp_path: Path) -> None:
    model = make_omnilingual("CTC", "ForCTC")
    source = saved(model, tmp_path)
    assert source.alphabet is not None
    assert_same(
        ours(source), lambda x: model(x.transpose(1, 2)).logits[:, :, ROWS], clips(1200, 777)
    )


@pytest.mark.parametrize(
    ("kind", "part"), [("Audio", "AudioModel"), ("", "ForConditionalGeneration")]
)
def test_the_encoder_of_omnilingual_asr(kind: str, part: str, tmp_path: Path) -> None:
    model = make_omnilingual(kind, part)
    source = saved(model, tmp_path)
    assert not source.has_output
    tower = model.model.audio_tower if hasattr(model, "model") else model
    layers = len(source.specification.layers) - 1
    assert_same(
        ours(source), lambda x: tower(x.transpose(1, 2)).last_hidden_state, clips(500, 321), layers
    )


@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_both_spellings_of_weight_normalisation_are_the_same_weight(
    prefix: str, tmp_path: Path
) -> None:
    model = make("Wav2Vec2", {}, "Model")
    one = saved(model, tmp_path).tensors
    spelled = {
        prefix
        + name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in load_file(tmp_path / "model.safetensors").items()
    }
    assert f"{prefix}encoder.pos_conv_embed.conv.weight_g" in spelled
    save_file(spelled, tmp_path / "model.safetensors")
    other = load_source(tmp_path).tensors
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    expected = model.encoder.pos_conv_embed.conv.weight.detach().numpy()
    np.testing.assert_allclose(one["convolutions.positions.0.weight"], expected, rtol=1e-5)


def test_half_a_normalised_weight_is_refused(tmp_path: Path) -> None:
    saved(make("Wav2Vec2", {}), tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    direction = next(name for name in tensors if name.endswith("original1"))
    save_file({**tensors, direction: tensors[direction][:, :, :-1].copy()}, file)
    with pytest.raises(CheckpointError, match=r"positions.0.weight: lengths \[1, 1, 6\] do not go"):
        load_source(tmp_path)
    del tensors[direction]
    save_file(tensors, file)
    with pytest.raises(CheckpointError, match=r"positions.0.weight is missing; .*length is unk"):
        load_source(tmp_path)


def test_the_adapter_of_the_language_chosen_takes_the_place_of_the_one_within(
    tmp_path: Path,
) -> None:
    model = make("Wav2Vec2", {**LARGE, "adapter_attn_dim": 6})
    saved(model, tmp_path)
    adapter = {
        name: np.full_like(tensor, 0.25)
        for name, tensor in load_file(tmp_path / "model.safetensors").items()
        if "adapter_layer" in name or name.startswith("lm_head")
    }
    save_file(adapter, tmp_path / "adapter.ukr.safetensors")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"target_lang": "ukr"}))
    tensors = load_source(tmp_path).tensors
    changed = {name for name, tensor in tensors.items() if (tensor == 0.25).all()}
    assert changed == {name for name in tensors if "adapter" in name or name.startswith("output")}
    (tmp_path / "tokenizer_config.json").unlink()
    named = load_source(tmp_path / "adapter.ukr.safetensors").tensors  # the adapter's own path
    assert all(np.array_equal(tensor, named[name]) for name, tensor in tensors.items())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"target_lang": "../x"}))
    assert not (load_source(tmp_path).tensors["output.bias"] == 0.25).any()


@pytest.mark.parametrize("normalize", [True, False])
def test_the_front_end_is_the_feature_extractor(normalize: bool, tmp_path: Path) -> None:
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=normalize)
    samples = np.random.default_rng(0).normal(0.1, 0.3, 1000).astype(np.float32)
    expected = extractor(samples, sampling_rate=16000, return_tensors="np").input_values[0]
    extractor.save_pretrained(tmp_path)
    front_end = saved(make("Wav2Vec2", {}), tmp_path).features
    assert front_end == Waveform(normalize)
    (tmp_path / "preprocessor_config.json").unlink()
    tokenizer = transformers.Wav2Vec2CTCTokenizer(tmp_path / "vocab.json")
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(tmp_path)
    assert load_source(tmp_path).features == front_end  # from `processor_config.json`
    np.testing.assert_allclose(front_end.extractor(np)(samples)[:, 0], expected, atol=1e-5)


# In models that we write for transformers, the blank is the first class.
WRITTEN_ROWS = [1, 2, 3, 4, 5, 6, 0]


@pytest.mark.parametrize(("family", "parameters"), MODELS.values(), ids=list(MODELS))
def test_the_way_back_gives_the_same_logits(
    family: str, parameters: dict[str, Any], tmp_path: Path
) -> None:
    saved(make(family, parameters), tmp_path / "theirs")
    source = load_source(convert(tmp_path / "theirs", tmp_path / "ours")[0])
    folder, notes = convert_to_transformers(tmp_path / "ours", tmp_path / "back")
    back, loading = transformers.AutoModelForCTC.from_pretrained(folder, output_loading_info=True)
    assert notes[-1].startswith(f"It is a {type(back).__name__};")
    assert not any(loading.values())
    back.eval()
    assert_same(
        ours(source), lambda x: back(x[:, :, 0]).logits[:, :, WRITTEN_ROWS], clips(1200, 400, 95)
    )
    again = load_source(folder)
    assert (again.specification, again.alphabet) == (source.specification, source.alphabet)


def test_the_processor_of_the_way_back_hears_and_writes_the_same(tmp_path: Path) -> None:
    saved(make("Wav2Vec2", LARGE), tmp_path / "theirs")
    ours_folder = convert(tmp_path / "theirs", tmp_path / "ours")[0]
    processor = transformers.AutoProcessor.from_pretrained(
        convert_to_transformers(ours_folder, tmp_path / "back")[0]
    )
    alphabet = load_source(ours_folder).alphabet
    assert alphabet is not None
    labels = processor(text="bad face a", return_tensors="np").input_ids[0]
    known = [label for label in labels if label is not None]
    assert [label - 1 for label in known] == alphabet.encode("bad ace a")
    assert len(processor.tokenizer) == CLASSES
    assert processor.decode([0, 4, 4, 0, 3, 6, 2, 2, 3, 0, 3]) == "bad aa"
    samples = np.random.default_rng(0).normal(0.1, 0.3, 1000).astype(np.float32)
    heard = processor(samples, sampling_rate=16000, return_tensors="np").input_values[0]
    np.testing.assert_allclose(Waveform(True).extractor(np)(samples)[:, 0], heard, atol=1e-5)


def test_an_alphabet_without_a_space_has_no_word_separator(tmp_path: Path) -> None:
    source = saved(make("Wav2Vec2", {}), tmp_path / "theirs")
    (tmp_path / "theirs" / "vocab.json").write_text(
        json.dumps({label: row for row, label in enumerate(["<pad>", *"abcdef"])})
    )
    folder = convert_to_transformers(tmp_path / "theirs", tmp_path / "back")[0]
    assert source.specification == load_source(folder).specification
    processor = transformers.AutoProcessor.from_pretrained(folder)
    assert len(processor.tokenizer) == CLASSES
    assert processor.decode([1, 1, 0, 2]) == "ab"
    assert load_source(folder).alphabet == Alphabet.from_labels("abcdef")
