"""Adapters of Hugging Face's peft: ours are merged as peft merges them, and peft reads ours."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.checkpoints.base import Base, digest_tensors
from coqui_stt_training.checkpoints.file import Checkpoint, write_checkpoint
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.peft_conversion import convert_to_peft
from coqui_stt_training.checkpoints.readers.huggingface import load_huggingface
from coqui_stt_training.models.adapter import is_adapter_tensor, parse_adapter
from coqui_stt_training.models.encoder import EncoderSpecification, base_tensors

from .transformers_models import ours, randomised

transformers = pytest.importorskip("transformers", reason="needs transformers, of the extra `test`")
peft = pytest.importorskip("peft", reason="needs peft, of the extra `test`")

SMALL = {
    "Whisper": {
        "d_model": 16, "encoder_layers": 2, "decoder_layers": 1, "encoder_attention_heads": 2,
        "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 16,
        "vocab_size": 9, "max_source_positions": 40, "max_target_positions": 8, "pad_token_id": 0,
        "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1, "num_mel_bins": 80,
    },
    "Wav2Vec2": {
        "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 40, "conv_dim": [8, 8], "conv_kernel": [10, 3], "conv_stride": [5, 2],
        "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 6,
        "num_conv_pos_embedding_groups": 4, "vocab_size": 4, "layerdrop": 0.0,
    },
    "Wav2Vec2Bert": {
        "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 40, "conv_depthwise_kernel_size": 5, "vocab_size": 4,
        "feature_projection_input_dim": 160, "left_max_position_embeddings": 6,
        "right_max_position_embeddings": 2,
    },
}  # fmt: skip
VOCABULARY = {"<pad>": 0, "|": 1, "b": 2, "a": 3}
CLASSES = {
    "Whisper": "WhisperForConditionalGeneration",
    "Wav2Vec2": "Wav2Vec2ForCTC",
    "Wav2Vec2Bert": "Wav2Vec2BertForCTC",
}
SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "whisper": ("Whisper", {"target_modules": ["q_proj", "v_proj"], "lora_alpha": 10}),
    "rslora": ("Whisper", {"target_modules": ["fc1"], "use_rslora": True}),
    "expression": (
        "Whisper",
        {"target_modules": r".*encoder.*\.(out_proj|fc2)", "fan_in_fan_out": True},
    ),
    "patterns": (
        "Whisper",
        {
            "target_modules": ["q_proj", "k_proj", "fc1"],
            "rank_pattern": {"fc1": 5, "layers.1.self_attn.q_proj": 2},
            "alpha_pattern": {"^model.encoder.layers.0.fc1": 7, "k_proj": 3},
        },
    ),
    "dora": ("Whisper", {"target_modules": ["q_proj", "conv1", "fc2"], "use_dora": True}),
    "biases": ("Whisper", {"target_modules": ["v_proj"], "bias": "all"}),
    "biases-of-lora": ("Wav2Vec2", {"target_modules": ["v_proj"], "bias": "lora_only"}),
    "bias-of-b": ("Wav2Vec2", {"target_modules": ["intermediate_dense"], "lora_bias": True}),
    "new-head": (
        "Wav2Vec2",
        {"target_modules": ["k_proj", "out_proj"], "modules_to_save": ["lm_head"]},
    ),
    "all-biases-of-ctc": ("Wav2Vec2", {"target_modules": ["q_proj"], "bias": "all"}),
    "head-of-low-rank": ("Wav2Vec2", {"target_modules": ["lm_head", "projection"]}),
    "w2v-bert": (
        "Wav2Vec2Bert",
        {"target_modules": ["linear_q", "pointwise_conv1", "output_dense"]},
    ),
}


def model_folder(family: str, folder: Path) -> Path:
    config = getattr(transformers, f"{family}Config")(**SMALL[family])
    randomised(getattr(transformers, CLASSES[family])(config)).save_pretrained(folder)
    if family != "Whisper":
        (folder / "vocab.json").write_text(json.dumps(VOCABULARY))
    return folder


def theirs(family: str, folder: Path) -> Any:
    return getattr(transformers, CLASSES[family]).from_pretrained(folder)


def merged_by_peft(family: str, base: Path, adapter: Path, folder: Path) -> Path:
    merged = peft.PeftModel.from_pretrained(theirs(family, base), adapter).merge_and_unload()
    merged.save_pretrained(folder)
    if (base / "vocab.json").is_file():
        (folder / "vocab.json").write_text(json.dumps(VOCABULARY))
    return folder


def assert_same_tensors(found: Any, expected: Any) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        np.testing.assert_allclose(found[name], tensor, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(("family", "settings"), SETTINGS.values(), ids=list(SETTINGS))
def test_an_adapter_is_merged_as_peft_does(
    family: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    base = model_folder(family, tmp_path / "model")
    adapted = peft.get_peft_model(theirs(family, base), peft.LoraConfig(r=4, **settings))
    randomised(adapted)
    for module in adapted.modules():  # magnitudes of DoRA are positive
        if hasattr(module, "lora_magnitude_vector") and len(module.lora_magnitude_vector):
            module.lora_magnitude_vector["default"].weight.data.abs_().add_(0.1)
    adapted.save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    expected = load_source(merged_by_peft(family, base, tmp_path / "adapter", tmp_path / "merged"))

    source = load_source(tmp_path / "adapter")
    assert source.format == "peft"
    assert source.specification == expected.specification
    assert source.alphabet == expected.alphabet
    assert_same_tensors(source.tensors, expected.tensors)
    changed = [
        name
        for name, tensor in load_source(base).tensors.items()
        if not np.array_equal(tensor, source.tensors[name])
    ]
    assert changed
    assert "Merged into the weights: LoRA of rank" in source.notes[-1]


def write_adapters(base: Path, targets: str, alphabet: Alphabet, path: Path) -> Path:
    """Write a checkpoint of random LoRA and a random linear head for a model of transformers."""
    source = load_huggingface(base)
    assert isinstance(source.specification, EncoderSpecification)
    specification = (
        source.specification.with_adapter(parse_adapter(f"lora:rank=3,alpha=5,targets={targets}"))
        .with_head("linear", 1, 8)
        .with_classes(alphabet.size + 1)
    )
    random = np.random.default_rng(2)
    drawn = {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in specification.tensor_shapes().items()
    }
    assert any(is_adapter_tensor(name) for name in drawn)
    tensors = drawn | {name: source.tensors[name] for name in base_tensors(specification)}
    stands_on = Base(str(base), digest_tensors(tensors, base_tensors(specification)))
    checkpoint = Checkpoint(
        specification, alphabet, specification.front_end, tensors, base=stands_on
    )
    write_checkpoint(path, checkpoint)
    return path


@pytest.mark.parametrize("family", CLASSES)
@pytest.mark.parametrize("targets", ["all", "query+out"])
def test_adapters_of_ours_are_read_by_peft(family: str, targets: str, tmp_path: Path) -> None:
    base = model_folder(family, tmp_path / "model")
    file = write_adapters(base, targets, Alphabet.from_labels(" ab"), tmp_path / "o.safetensors")
    folder, notes = convert_to_peft(file, tmp_path / "adapter")
    if family == "Whisper":
        assert "The head, 1 layer, is left out: whisper in transformers is no CTC" in notes[-1]
    else:
        assert "vocab_size=4, pad_token_id=0, ignore_mismatched_sizes=True" in notes[-1]
    merged = load_source(merged_by_peft(family, base, folder, tmp_path / "merged"))
    expected = load_source(file)
    encoder = expected.specification.encoder_shapes()
    assert_same_tensors(
        {name: merged.tensors[name] for name in encoder},
        {name: expected.tensors[name] for name in encoder},
    )
    again = load_source(folder)
    assert_same_tensors(
        {n: again.tensors[n] for n in encoder}, {n: merged.tensors[n] for n in encoder}
    )


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("Wav2Vec2", "Model"),
        ("Wav2Vec2", "ForCTC"),
        ("Wav2Vec2Bert", "Model"),
        *((family, "Model") for family in ("Hubert", "WavLM", "Data2VecAudio")),
    ],
)
def test_a_linear_head_goes_along(family: str, kind: str, tmp_path: Path) -> None:
    alphabet = Alphabet.from_labels(["x", " ", "y", "ch"])
    base = tmp_path / "model"
    config = getattr(transformers, f"{family}Config")(**SMALL.get(family, SMALL["Wav2Vec2"]))
    randomised(getattr(transformers, f"{family}{kind}")(config)).save_pretrained(base)
    if kind == "ForCTC":
        (base / "vocab.json").write_text(json.dumps(VOCABULARY))
    file = write_adapters(base, "query+out", alphabet, tmp_path / "ours.safetensors")
    folder, notes = convert_to_peft(file, tmp_path / "adapter")
    assert "vocab_size=5, pad_token_id=0, ignore_mismatched_sizes=True" in notes[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # peft warns of tensors it cannot place
        adapted = peft.PeftModel.from_pretrained(
            transformers.AutoModelForCTC.from_pretrained(
                base, vocab_size=5, pad_token_id=0, ignore_mismatched_sizes=True
            ),
            folder,
        )
    merged = adapted.merge_and_unload().eval()  # WavLM's attention bypasses LoRA's modules
    source, values = load_source(file), 160 if family == "Wav2Vec2Bert" else 1
    clip = torch.randn(1, 300, values, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, _ = ours(source).run(clip, torch.tensor([300]))
        found = merged(clip if values > 1 else clip[:, :, 0]).logits[:, :, [1, 2, 3, 4, 0]]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.decode([1, 4, 0, 4, 2, 3]) == "xchch y"
    again = load_source(folder)
    assert again.alphabet == alphabet
    assert_same_tensors(again.tensors, source.tensors)
