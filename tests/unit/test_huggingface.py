"""Encoders in the folders of Hugging Face's transformers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.loading import digest_source, load_base, load_source
from coqui_stt_training.checkpoints.run_record import RunRecord
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.inspect import describe, format_text
from coqui_stt_training.models.whisper.specification import WhisperEncoder
from encoder_folders import whisper_tensors, write_wav2vec2, write_whisper
from whisper_formats import write_ctranslate2


def rewrite(folder: Path, **changes: Any) -> None:
    """Change tensors of a folder; None removes a tensor."""
    tensors = load_file(folder / "model.safetensors") | changes
    save_file(
        {name: tensor for name, tensor in tensors.items() if tensor is not None},
        folder / "model.safetensors",
    )


@pytest.mark.parametrize("shards", [1, 3])
def test_an_encoder_is_read_whole_or_in_shards(tmp_path: Path, shards: int) -> None:
    source = load_source(write_whisper(tmp_path / "model", shards=shards))
    expected = whisper_tensors()
    assert source.specification == WhisperEncoder(
        mel_channels=80, width=16, attention_heads=2, blocks=2, positions=40
    )
    assert source.tensors.keys() == source.specification.encoder_shapes().keys()
    np.testing.assert_array_equal(
        source.tensors["block_2.attention.key.weight"],
        expected["model.encoder.layers.1.self_attn.k_proj.weight"].astype(np.float32),
    )
    assert not source.has_output
    assert source.alphabet is None
    assert "1 tensor of other parts of the model is left out" in source.notes[0]


def test_inspect_says_what_an_encoder_is(tmp_path: Path) -> None:
    text = format_text(describe(load_source(write_whisper(tmp_path))))
    assert "whisper: 2 blocks of width 16, 2 heads, 80 mel channels" in text
    assert "convolutions, block_1, block_2, output" in text
    assert "none: an encoder without output layer; training adds one" in text


def test_one_file_is_read_with_its_config_beside_it(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    assert load_source(folder / "model.safetensors").format == "huggingface"
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"not a Coqui STT checkpoint; .* copy the config"):
        load_source(folder / "model.safetensors")


def test_what_is_not_there_of_a_model_is_named(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path / "whisper")
    with pytest.raises(CheckpointError, match=r"contains no checkpoint; did you mean .*whisper\?"):
        load_source(tmp_path)
    snapshot = tmp_path / "models--some--whisper" / "snapshots" / "0123abcd"
    snapshot.mkdir(parents=True)
    write_ctranslate2(snapshot)
    with pytest.raises(CheckpointError, match=r"did you mean .*/snapshots/0123abcd\?"):
        load_source(snapshot.parents[1])
    weights = folder / "model.safetensors"
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 37\n")
    for path in (folder, weights):
        with pytest.raises(CheckpointError, match=r"not fetched \(Git LFS\); run git lfs pull"):
            load_source(path)
    torch.save({}, folder / "pytorch_model.bin")  # must not be read in its place
    with pytest.raises(CheckpointError, match=r"not fetched \(Git LFS\); run git lfs pull"):
        load_source(folder)
    (folder / "pytorch_model.bin").unlink()
    weights.rename(folder / "flax_model.msgpack")
    with pytest.raises(CheckpointError, match=r"config.json .* weights only flax_model.msgpack; c"):
        load_source(folder)


_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 37\n"


def test_what_is_not_read_of_a_folder_does_not_count(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    digest = digest_source(folder)
    for name in ("pytorch_model.bin", "model.nemo", "model.fp32-00001-of-00002.safetensors"):
        (folder / name).write_text(_POINTER)
    index = {"weight_map": {"model.encoder.conv1.bias": "model-00001-of-00002.safetensors"}}
    assert load_source(folder).format == "huggingface"
    assert digest_source(folder) == digest
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))  # from an older model
    assert load_source(folder).format == "huggingface"


def test_shards_that_were_not_fetched_are_named_at_once(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path, shards=2)
    for shard in folder.glob("model-*"):
        shard.write_text(_POINTER)
    with pytest.raises(CheckpointError, match=r"00001-of-00002.*00002-of-00002.* stand for a file"):
        load_source(folder)


def test_a_name_on_the_hub_and_a_description_are_told(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="That is hf://openai/whisper-tiny"):
        load_source("openai/whisper-tiny")
    folder = write_whisper(tmp_path)
    with pytest.raises(CheckpointError, match=r"only describes a model; give the directory it is"):
        load_source(folder / "config.json")


def test_what_was_trained_in_the_folder_of_a_model_is_what_it_holds(tmp_path: Path) -> None:
    folder = write_wav2vec2(tmp_path / "model", " abc")
    source = load_source(folder)
    assert isinstance(source.alphabet, Alphabet)
    checkpoint = Checkpoint(
        source.specification, source.alphabet, source.specification.front_end, source.tensors, 7
    )
    run, begun = CheckpointFolder(folder), RunRecord(identity={}, begun_step=0)
    name, record = run.write("last", checkpoint, begun)
    assert load_source(folder).format == "huggingface"  # the checkpoint is not recorded yet
    run.record(replace(record, last=(name,)))
    found = load_source(folder)
    assert (found.format, found.path.name, found.step) == ("coqui-stt", name, 7)
    assert load_base(folder).keys() == source.tensors.keys()  # base model of adapters trained there


def test_a_wrong_rate_is_said_of_the_file_that_says_it(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    (folder / "preprocessor_config.json").write_text('{"sampling_rate": 8000}')
    with pytest.raises(CheckpointError, match=r"preprocessor_config.json: sampling_rate is 8000"):
        load_source(folder)
    (folder / "preprocessor_config.json").write_text("[1]")
    with pytest.raises(CheckpointError, match=r"^\S+preprocessor_config.json: holds no JSON obj"):
        load_source(folder)


def test_heads_for_other_tasks_are_left_out(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    rewrite(folder, **{"projector.weight": np.zeros((4, 16)), "classifier.bias": np.zeros(3)})
    assert load_source(folder).notes == ("3 tensors of other parts of the model are left out.",)


def test_a_model_of_speechbrain_is_told(tmp_path: Path) -> None:
    (tmp_path / "hyperparams.yaml").write_text("sample_rate: 16000\n")
    torch.save({"0.w.weight": torch.zeros(2)}, tmp_path / "asr.ckpt")
    with pytest.raises(CheckpointError, match=r"is a model of SpeechBrain.* its hyperparams.yaml"):
        load_source(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "bert"}, "model_type is 'bert', which is not built here; .*whisper"),
        ({"model_type": ["whisper"]}, "which is not built here"),
        ({"d_model": "wide"}, "d_model is 'wide', and must be a positive whole number"),
        ({"encoder_layers": 10**9}, "1 to 65536 is possible"),
        ({"encoder_attention_heads": 3}, "impossible in a Whisper encoder: width 16 for 3 heads"),
        ({"activation_function": "relu"}, "activation_function is 'relu'; only 'gelu'"),
        ({"sampling_rate": 8000}, "sampling_rate is 8000; only 16000 can be read"),
        ({"encoder_layers": 3}, "block_3.attention_norm.weight.* missing"),
    ],
)
def test_a_config_that_does_not_fit(tmp_path: Path, config: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_source(write_whisper(tmp_path, **config))


def test_all_that_is_wrong_with_tensors_is_said_at_once(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    rewrite(
        folder,
        **{
            "model.encoder.conv1.bias": None,
            "model.encoder.conv2.bias": np.zeros(5, np.float16),
            "model.encoder.conv3.bias": np.zeros(5, np.float16),
        },
    )
    with pytest.raises(CheckpointError) as caught:
        load_source(folder)
    assert "convolutions.first.bias is missing" in str(caught.value)
    assert "convolutions.second.bias is [5] instead of [16]" in str(caught.value)
    assert "model.encoder.conv3.bias is unknown" in str(caught.value)


def test_a_decoder_alone_is_no_encoder(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    save_file({"model.decoder.x": np.zeros(3, np.float16)}, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match="it may be another part of such a model, a decoder"):
        load_source(folder)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_integers_are_no_weights(tmp_path: Path, dtype: Any) -> None:
    folder = write_whisper(tmp_path)
    rewrite(folder, **{"model.encoder.conv1.bias": np.zeros(16, dtype)})
    with pytest.raises(CheckpointError, match=r"conv1.bias is [IU]\d+; F16, F32, .* can be"):
        load_source(folder)
    tensors = load_file(folder / "model.safetensors")
    rewrite(folder, **{name: tensor.astype(dtype) for name, tensor in tensors.items()})
    with pytest.raises(CheckpointError, match=r"; and \d+ more; F16, F32") as caught:
        load_source(folder)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("end", "shape"), [("weight", ()), ("bias", ()), ("bias", (2,))])
def test_an_output_layer_of_different_rows(
    tmp_path: Path, end: str, shape: tuple[int, ...]
) -> None:
    folder = write_wav2vec2(tmp_path / "model", " abc")
    tensors = load_file(folder / "model.safetensors")
    tensors[f"lm_head.{end}"] = np.ones(shape, np.float32)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=rf"{folder}: .*output.{end} is \[.*a bias for each"):
        load_source(folder)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    rewrite(folder, **{"model.encoder.conv1.bias": np.full(16, np.nan, np.float16)})
    with pytest.raises(CheckpointError, match=r"convolutions.first.bias holds NaN"):
        load_source(folder)


def test_a_missing_or_cut_off_shard_is_named(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path, shards=2)
    shard = folder / "model-00002-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match=r"00002-of-00002.safetensors: cannot be read"):
        load_source(folder)
    shard.unlink()
    with pytest.raises(CheckpointError, match=r"00002-of-00002.safetensors is missing"):
        load_source(folder)


def test_an_index_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path / "model", shards=2)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "../other.safetensors"}}))
    with pytest.raises(CheckpointError, match="does not name files beside it"):
        load_source(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_broken_config_is_named(tmp_path: Path, content: bytes) -> None:
    folder = write_whisper(tmp_path)
    (folder / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config.json: (is no JSON|holds no JSON object)"):
        load_source(folder)


@pytest.mark.parametrize("shards", [1, 2])
def test_weights_that_pytorch_saved_are_the_same(tmp_path: Path, shards: int) -> None:
    expected = load_source(write_whisper(tmp_path / "safe"))
    folder = write_whisper(tmp_path / "old")
    tensors = {n: torch.from_numpy(t) for n, t in load_file(folder / "model.safetensors").items()}
    (folder / "model.safetensors").unlink()
    homes = {name: f"pytorch_model-{number % shards}.bin" for number, name in enumerate(tensors)}
    for file in set(homes.values()):
        torch.save({name: tensors[name] for name in tensors if homes[name] == file}, folder / file)
    if shards == 1:
        (folder / "pytorch_model-0.bin").rename(folder / "pytorch_model.bin")
        assert load_source(folder / "pytorch_model.bin").format == "huggingface"
    else:
        index = folder / "pytorch_model.bin.index.json"
        index.write_text(json.dumps({"weight_map": homes}))
    source = load_source(folder)
    assert source.specification == expected.specification
    assert source.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        np.testing.assert_array_equal(source.tensors[name], tensor)


def test_empty_weights_are_told(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"pytorch_model.bin is empty; copy or download it"):
        load_source(folder)


def test_code_in_weights_is_refused(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({"a": Path("harm")}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pickle with code in it.* it wants pathlib"):
        load_source(folder)


def as_bytes_of(path: Path, name: str, dtype: str) -> None:
    """Change the header: a float16 tensor becomes one of 8-bit numbers, with twice the rows."""
    content = path.read_bytes()
    header_bytes = int.from_bytes(content[:8], "little")
    header, body = json.loads(content[8 : 8 + header_bytes]), content[8 + header_bytes :]
    outputs, inputs = header[name]["shape"]
    header[name] |= {"dtype": dtype, "shape": [2 * outputs, inputs]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


@pytest.mark.parametrize(("dtype", "kind"), [("F8_E4M3", "e4m3fn"), ("F8_E5M2", "e5m2")])
def test_numbers_of_8_bits_are_read(tmp_path: Path, dtype: str, kind: str) -> None:
    path, name = write_whisper(tmp_path) / "model.safetensors", "model.encoder.layers.0.fc1.weight"
    # The float16 tensor has half the rows, so that as 8-bit numbers it has the right shape.
    halves = np.random.default_rng(0).normal(size=(32, 16)).astype(np.float32)
    numbers = torch.from_numpy(np.concatenate([halves, -halves])).to(
        getattr(torch, f"float8_{kind}")
    )
    rewrite(tmp_path, **{name: numbers.view(torch.uint8).numpy().view(np.float16).reshape(32, 16)})
    as_bytes_of(path, name, dtype)
    read = load_source(tmp_path).tensors["block_1.mlp_in.weight"]
    np.testing.assert_array_equal(read, numbers.float().numpy())


def test_a_tensor_of_an_unknown_type_is_named(tmp_path: Path) -> None:
    path, name = write_whisper(tmp_path) / "model.safetensors", "model.encoder.layers.0.fc1.weight"
    as_bytes_of(path, name, "F8_E8M0")
    with pytest.raises(CheckpointError, match=rf"{name} is F8_E8M0; .* can be read. Save the"):
        load_source(tmp_path)
