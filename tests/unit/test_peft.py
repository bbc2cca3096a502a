"""Adapter folders of Hugging Face's peft; tests/oracle compares the merged weights with peft's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from coqui_stt_training.checkpoints.conversion import convert
from coqui_stt_training.checkpoints.loading import digest_source, load_source
from coqui_stt_training.checkpoints.peft_conversion import convert_to_peft
from coqui_stt_training.errors import CheckpointError
from encoder_folders import write_peft, write_peft_tensors, write_whisper
from tensorflow_bundle_writer import random_tensors, write_checkpoint

QUERY = "block_1.attention.query.weight"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_peft(tmp_path / "adapter", write_whisper(tmp_path / "model"))


def fails(folder: Path, *messages: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_source(folder)
    for message in messages:
        assert message in str(caught.value)
    assert str(folder) in str(caught.value)


def test_an_adapter_is_merged_into_what_it_names(adapter: Path, tmp_path: Path) -> None:
    base, source = load_source(tmp_path / "model"), load_source(adapter)
    added = load_file(adapter / "adapter_model.safetensors")
    down, up = (next(t for n, t in added.items() if f"lora_{end}" in n) for end in "AB")
    np.testing.assert_allclose(source.tensors[QUERY], base.tensors[QUERY] + 3 * up @ down, 1e-5)
    others = source.tensors.keys() - {QUERY}
    assert all(np.array_equal(source.tensors[name], base.tensors[name]) for name in others)
    assert source.notes[-1].startswith("Merged into the weights: LoRA of rank 2 on 1 product, for")
    assert load_source(adapter / "adapter_model.safetensors").path == adapter


@pytest.mark.parametrize("name", ["beside", "relative"])
def test_the_model_may_lie_beside_it(adapter: Path, tmp_path: Path, name: str) -> None:
    expected = load_source(adapter).tensors[QUERY]
    if name == "beside":
        (tmp_path / "model").rename(adapter / "base")
    else:
        (tmp_path / "model").rename(adapter / "whisper")
        write_peft(adapter, "whisper")
    np.testing.assert_array_equal(load_source(adapter).tensors[QUERY], expected)


def test_weights_of_older_releases_are_read(adapter: Path) -> None:
    expected = load_source(adapter).tensors[QUERY]
    tensors = load_file(adapter / "adapter_model.safetensors")
    torch.save({n: torch.from_numpy(t) for n, t in tensors.items()}, adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    np.testing.assert_array_equal(load_source(adapter).tensors[QUERY], expected)


def test_its_digest_is_also_of_its_model(adapter: Path, tmp_path: Path) -> None:
    first = digest_source(adapter)
    assert digest_source(adapter) == first
    write_whisper(tmp_path / "model", extra=1)
    assert digest_source(adapter) != first


@pytest.mark.parametrize("named", ["openai/whisper-base", "nowhere", ""])
def test_a_missing_model_is_named(adapter: Path, named: str) -> None:
    write_peft(adapter, named)
    fails(adapter, named or "a model that it does not name", str(adapter / "base"))


def test_an_adapter_is_not_for_another_adapter(adapter: Path) -> None:
    write_peft(adapter, adapter)
    fails(adapter, "no encoder of another program's")


def test_an_adapter_is_not_for_a_model_without_blocks(adapter: Path, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "tensorflow", random_tensors(8, 6))
    write_peft(adapter, tmp_path / "tensorflow")
    fails(adapter, "no encoder of another program's")


@pytest.mark.parametrize(
    ("config", "messages"),
    [
        ({"peft_type": "IA3", "bias": "some", "r": 0},
         ["peft_type is 'IA3'; LORA can be read", "bias is 'some'", "r is 0"]),
        ({"use_qalora": True, "target_parameters": ["a"]},
         ["use_qalora is True, which is not built here", "target_parameters is ['a'], which"]),
        ({"init_lora_weights": "pissa"},
         ["init_lora_weights is 'pissa'; gaussian, eva, orthogonal can be read"]),
        ({"lora_alpha": "x", "use_rslora": 1},
         ["lora_alpha is 'x', and must be a positive number", "use_rslora is 1"]),
        ({"alpha_pattern": {"(a+)+$": 3}}, ["patterns of modules that are no plain names: (a+)+$"]),
        ({"rank_pattern": {"q_proj": 4}}, ["are not of rank 4, as adapter_config.json says"]),
        ({"rank_pattern": [1]}, ["rank_pattern is [1]"]),
        ({"lora_alpha": 1e300}, ["lora_alpha is 1e+300"]),
    ],
)  # fmt: skip
def test_settings_that_are_not_built_here(
    adapter: Path, tmp_path: Path, config: dict[str, Any], messages: list[str]
) -> None:
    write_peft(adapter, tmp_path / "model", **config)
    fails(adapter, *messages)


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"MODULE.v_proj.lora_A.weight": np.zeros((2, 16), np.float32)}, ["has no lora_B"]),
        ({"MODULE.q_proj.lora_B.weight": np.zeros((16, 3), np.float32)}, ["do not go together"]),
        ({"MODULE.q_proj.lora_B.weight": np.zeros((9, 2), np.float32)},
         ["do not fit block_1.attention.query.weight [16, 16]", "base"]),
        ({"MODULE.q_proj.lora_magnitude_vector": np.ones(3, np.float32)}, ["3 values of lengths"]),
        ({"MODULE.q_proj.lora_E": np.ones(3, np.float32), "x.y": np.ones(3, np.float32)},
         ["lora_E is unknown", "x.y is unknown"]),
        ({"MODULE.k_proj.base_layer.bias": np.ones(16, np.float32)},
         ["block_1.attention.key.bias is [16], and there []"]),
        ({"MODULE.q_proj.base_layer.weight": np.ones((), np.float32)},
         ["block_1.attention.query.weight is [], and there [16, 16]"]),
        ({"base_model.model.embedding.weight": np.ones(3, np.float32)},
         ["is no adapter for", "embedding.weight is unknown"]),
        ({"MODULE.q_proj.lora_A.weight": None, "MODULE.q_proj.lora_B.weight": None},
         ["it adapts no product of the encoder"]),
        ({"MODULE.q_proj.lora_B.weight": np.full((16, 2), np.nan, np.float32)}, ["holds NaN"]),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit(
    adapter: Path, changes: dict[str, Any], messages: list[str]
) -> None:
    write_peft_tensors(adapter, **changes)
    fails(adapter, *messages)


def test_parts_for_the_decoder_are_left_out(adapter: Path) -> None:
    decoder = "base_model.model.model.decoder.layers.0.self_attn.q_proj"
    ones = np.ones((2, 16), np.float32)
    write_peft_tensors(
        adapter, **{f"{decoder}.lora_A.weight": ones, f"{decoder}.lora_B.weight": ones.T.copy()}
    )
    assert load_source(adapter).notes[-2] == (
        "Left out of the adapter: 1 part for what is left out here."
    )


def test_only_lora_of_ours_becomes_an_adapter_of_peft(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "tensorflow", random_tensors(8, 6))
    with pytest.raises(CheckpointError, match="is tensorflow-1, and no checkpoint of adapters"):
        convert_to_peft(tmp_path / "tensorflow", tmp_path / "out")
    (tmp_path / "alphabet.txt").write_text("a\nb\nc\nd\ne\n")
    convert(tmp_path / "tensorflow", tmp_path / "ours", "auto", str(tmp_path / "alphabet.txt"))
    with pytest.raises(CheckpointError, match="has no adapters; peft has a form for LoRA alone"):
        convert_to_peft(tmp_path / "ours", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_adapter_is_not_overwritten(adapter: Path) -> None:
    before = json.loads((adapter / "adapter_config.json").read_text())
    with pytest.raises(CheckpointError, match="already holds an adapter"):
        convert_to_peft(adapter, adapter)
    assert json.loads((adapter / "adapter_config.json").read_text()) == before
