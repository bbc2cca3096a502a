"""Files written by PyTorch, read without running code: Whisper's `.pt` and NeMo's `.nemo`."""

from __future__ import annotations

import os
import tarfile
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from coqui_stt_ctcdecoder.errors import AlphabetError
from coqui_stt_training.checkpoints.conversion import convert
from coqui_stt_training.checkpoints.loading import digest_source, load_source
from coqui_stt_training.errors import CheckpointError
from encoder_folders import write_whisper
from nemo_archive import CONFIG, nemo_tensors, write_nemo
from whisper_formats import openai_tensors, write_openai


def fails(path: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        load_source(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.bfloat16])
def test_whisper_has_the_same_weights_as_from_hugging_face(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    expected = load_source(write_whisper(tmp_path / "huggingface"))
    stored = {name: torch.from_numpy(t).to(dtype) for name, t in openai_tensors().items()}
    path = write_openai(tmp_path / "tiny.pt", model_state_dict=stored)
    source = load_source(path)
    assert source.format == "pytorch"
    assert source.specification == expected.specification
    assert source.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        rounded = torch.from_numpy(tensor).to(dtype).to(torch.float32).numpy()
        np.testing.assert_array_equal(source.tensors[name], rounded, err_msg=name)


def test_views_and_shared_storages_are_what_they_show(tmp_path: Path) -> None:
    stored: dict[str, Any] = {n: torch.from_numpy(t) for n, t in openai_tensors().items()}
    name = "encoder.blocks.0.attn.query.weight"
    both = torch.arange(512.0).reshape(16, 32)
    stored[name] = torch.nn.Parameter(both[:, 16:].T)
    source = load_source(write_openai(tmp_path / "tiny.pt", model_state_dict=stored))
    read = source.tensors["block_1.attention.query.weight"]
    np.testing.assert_array_equal(read, both[:, 16:].T.numpy())


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64, torch.bfloat16])
def test_files_from_before_1_6_are_read_alike(tmp_path: Path, dtype: torch.dtype) -> None:
    stored: dict[str, Any] = {n: torch.from_numpy(t).to(dtype) for n, t in openai_tensors().items()}
    both = torch.arange(512.0).reshape(16, 32)  # one storage for the next two tensors
    stored["encoder.blocks.0.attn.query.weight"] = both[:, 16:].T
    stored["encoder.blocks.0.attn.key.weight"] = torch.nn.Parameter(both[:, :16])
    stored["decoder.steps"] = torch.arange(3)
    expected = load_source(write_openai(tmp_path / "new.pt", model_state_dict=stored))
    source = load_source(write_openai(tmp_path / "old.pt", model_state_dict=stored, legacy=True))
    assert (source.format, source.specification) == ("pytorch", expected.specification)
    assert source.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        np.testing.assert_array_equal(source.tensors[name], tensor, err_msg=name)


def test_old_weights_of_a_hugging_face_folder_are_read(tmp_path: Path) -> None:
    folder = write_whisper(tmp_path / "model")
    expected = load_source(folder).tensors
    tensors = {n: torch.from_numpy(t) for n, t in load_file(folder / "model.safetensors").items()}
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    read = load_source(folder).tensors
    assert all(np.array_equal(read[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"M\xe9\x03", b"M\xe8\x03", "begins as no version"),
        (b"little_endianq\x02\x88", b"little_endianq\x02\x89", "not little-endian"),
        (b"FloatStorage", b"QuintStorage", "a QuintStorage, whose values are not known"),
        (b"storage", b"strange", "a storage is not described"),
    ],
)
def test_old_files_that_are_not_what_they_seem(
    tmp_path: Path, old: bytes, new: bytes, message: str
) -> None:
    stored = {name: torch.from_numpy(t).float() for name, t in openai_tensors().items()}
    path = write_openai(tmp_path / "old.pt", model_state_dict=stored, legacy=True)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    fails(path, message)


class _Harm:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("harm",)


@pytest.mark.parametrize(
    ("value", "names"), [(_Harm(), "posix.mkdir"), (Namespace(lr=1), "argparse.Namespace")]
)
@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickle_with_code_in_it_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any, names: str, legacy: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_openai(tmp_path / "tiny.pt", args=value, legacy=legacy)
    fails(path, f"a pickle with code in it, which is not run: it wants {names}; save its tensors")
    assert not (tmp_path / "harm").exists()


def test_types_that_are_no_floats(tmp_path: Path) -> None:
    stored: dict[str, Any] = {n: torch.from_numpy(t) for n, t in openai_tensors().items()}
    name = "encoder.conv1.bias"
    stored[name] = torch.zeros(16, dtype=torch.int64)
    path = write_openai(tmp_path / "tiny.pt", model_state_dict=stored)
    fails(path, "encoder.conv1.bias is in a LongStorage; FloatStorage, .* can be read")
    stored[name] = torch.zeros(16).to(torch.float8_e4m3fn)
    path = write_openai(tmp_path / "tiny.pt", model_state_dict=stored)
    fails(path, r"it wants torch._utils._rebuild_tensor_v3, torch.float8_e4m3fn")


def test_a_tensor_larger_than_what_it_is_made_of(tmp_path: Path) -> None:
    stored: dict[str, Any] = {n: torch.from_numpy(t) for n, t in openai_tensors().items()}
    stored["encoder.conv1.weight"] = torch.zeros(1).expand(16, 80, 3)
    path = write_openai(tmp_path / "tiny.pt", model_state_dict=stored)
    fails(path, r"encoder.conv1.weight is \[16, 80, 3\], which is not all in it")


def test_records_that_are_compressed_are_not_unpacked(tmp_path: Path) -> None:
    path = write_openai(tmp_path / "tiny.pt")
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    fails(packed, "is compressed or cut off; the file is damaged")


@pytest.mark.parametrize("missing", ["dims", "model_state_dict"])
def test_another_model_of_pytorch(tmp_path: Path, missing: str) -> None:
    path = write_openai(tmp_path / "tiny.pt", **{missing: None})
    fails(path, "without the dims and model_state_dict of Whisper|holds no tensors by name")


def test_a_decoder_alone_is_no_encoder(tmp_path: Path) -> None:
    tensors = {"decoder.ln.weight": np.ones(16, np.float32)}
    fails(write_openai(tmp_path / "tiny.pt", tensors), "a decoder alone for instance")


@pytest.mark.parametrize("lost", [1, 300, 20_000])
def test_a_file_cut_off(tmp_path: Path, lost: int) -> None:
    path = write_openai(tmp_path / "tiny.pt")
    path.write_bytes(path.read_bytes()[:-lost])
    fails(path, "is a damaged zip archive")
    path = write_openai(tmp_path / "old.pt", legacy=True)
    path.write_bytes(path.read_bytes()[:-lost])
    fails(path, "what describes it cannot be read, .* is cut off; the file is damaged")


def test_a_conformer_with_its_characters(tmp_path: Path) -> None:
    source = load_source(write_nemo(tmp_path / "small.nemo"))
    assert source.format == "nemo"
    assert source.alphabet is not None
    assert source.alphabet.labels == (" ", "a", "b")
    tensors = nemo_tensors()
    np.testing.assert_array_equal(
        source.tensors["block_2.attention.query.weight"],
        tensors["encoder.layers.1.self_attn.linear_q.weight"].numpy(),
    )
    np.testing.assert_array_equal(
        source.tensors["output.weight"], tensors["decoder.decoder_layers.0.weight"][:, :, 0].numpy()
    )
    assert source.tensors.keys() == source.specification.tensor_shapes().keys()


def test_nothing_is_written_of_an_alphabet_that_no_file_can_hold(tmp_path: Path) -> None:
    config = {**CONFIG, "decoder": {"vocabulary": [" ", "a", "\n"]}}
    source = write_nemo(tmp_path / "small.nemo", config)
    with pytest.raises(AlphabetError, match="contains a line break"):
        convert(source, tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_an_output_of_word_pieces_is_left_out(tmp_path: Path) -> None:
    config = {**CONFIG, "decoder": {"vocabulary": ["the", "▁a", "b"]}, "tokenizer": {"type": "bpe"}}
    source = load_source(write_nemo(tmp_path / "small.nemo", config))
    assert source.alphabet is None
    assert not source.has_output
    assert "pieces of words" in source.notes[0]


def test_an_unpacked_nemo_file_is_the_same(tmp_path: Path) -> None:
    expected = load_source(write_nemo(tmp_path / "small.nemo"))
    with tarfile.open(tmp_path / "small.nemo") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    source = load_source(tmp_path / "unpacked")
    assert (source.specification, source.alphabet) == (expected.specification, expected.alphabet)
    assert all(np.array_equal(source.tensors[name], t) for name, t in expected.tensors.items())
    first = digest_source(tmp_path / "unpacked")
    (tmp_path / "unpacked" / "model_weights.ckpt").write_bytes(b"")
    assert digest_source(tmp_path / "unpacked") != first
    fails(tmp_path / "unpacked", "model_weights.ckpt is empty; copy")


def test_a_nemo_file_without_one_of_its_parts(tmp_path: Path) -> None:
    path = write_nemo(tmp_path / "small.nemo", leave_out="model_weights.ckpt")
    fails(path, "is a tar archive without model_weights.ckpt, so no .nemo of one model")


def test_the_only_model_of_a_folder_is_found_in_capitals_too(tmp_path: Path) -> None:
    write_openai(tmp_path / "TINY.PT")
    assert load_source(tmp_path).format == "pytorch"
    (tmp_path / "TINY.PT").unlink()
    torch.save({"state_dict": {"a": torch.zeros(2)}}, tmp_path / "last.ckpt")  # as in Lightning
    fails(tmp_path, "is a PyTorch file without the dims and model_state_dict of Whisper")


def test_a_nemo_file_that_is_cut_off(tmp_path: Path) -> None:
    path = write_nemo(tmp_path / "small.nemo")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    fails(path, "is no whole .nemo .*; copy or download it again")


def test_a_compressed_nemo_file(tmp_path: Path) -> None:
    fails(write_nemo(tmp_path / "small.nemo", mode="w:gz"), "is a gzip archive; unpack it")


def test_a_nemo_file_of_another_model(tmp_path: Path) -> None:
    config = {**CONFIG, "encoder": {"jasper": []}}
    wanted = "encoder.subsampling is None; dw_striding .*; encoder.d_model is None"
    fails(write_nemo(tmp_path / "a.nemo", config), wanted)
    fails(write_nemo(tmp_path / "b.nemo", tensors={"args": Namespace()}), "argparse.Namespace")
    few = {name: t for name, t in nemo_tensors().items() if "layers.1" not in name}
    fails(write_nemo(tmp_path / "c.nemo", tensors=few), r"block_2.mlp_1.norm.weight.* missing")
