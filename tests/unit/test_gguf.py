"""Whisper models in GGUF files written by the `gguf` package."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.readers.ggml_blocks import BLOCK_TYPES
from coqui_stt_training.errors import CheckpointError
from encoder_folders import whisper_tensors, write_whisper
from whisper_formats import openai_tensors

gguf = pytest.importorskip("gguf", reason="needs gguf, of the extra `test`")
HEADS = "whisper.encoder.attention.head_count"


def write_gguf(
    path: Path, tensors: dict[str, Any] | None = None, kind: Any = None, **settings: int
) -> Path:
    writer = gguf.GGUFWriter(path, "whisper")
    writer.add_array("tokenizer.tokens", ["a", "bc", "déf"])
    writer.add_array("numbers", [1.5, 2.5])
    for name, value in {HEADS: 2, **settings}.items():
        writer.add_uint32(name, value)
    for name, tensor in (tensors or whisper_tensors()).items():
        if kind is not None and name.endswith("fc2.weight"):
            quantised = gguf.quants.quantize(tensor.astype(np.float32), kind)
            writer.add_tensor(name, quantised, raw_dtype=kind)
        else:
            writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("number", BLOCK_TYPES)
def test_blocks_are_what_gguf_makes_of_them(number: int) -> None:
    kind = BLOCK_TYPES[number]
    blocks = np.random.default_rng(number).integers(0, 256, (30, kind.size), np.uint8)
    with np.errstate(all="ignore"):
        expected = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType(number))
        np.testing.assert_array_equal(kind.decode(blocks), expected)


@pytest.mark.parametrize("tensors", [whisper_tensors(), openai_tensors()], ids=["hf", "openai"])
def test_an_encoder_is_read(tmp_path: Path, tensors: dict[str, Any]) -> None:
    expected = load_source(write_whisper(tmp_path / "whisper"))
    source = load_source(write_gguf(tmp_path / "model.gguf", tensors))
    assert source.format == "gguf"
    assert source.specification == expected.specification
    assert source.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        np.testing.assert_array_equal(source.tensors[name], tensor, name)
    assert load_source(tmp_path / "model.gguf").details["types"] == "f16"


def test_of_quantised_weights_it_says_so(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", kind=gguf.GGMLQuantizationType.Q8_0)
    source = load_source(path)
    expected = whisper_tensors()["model.encoder.layers.1.fc2.weight"].astype(np.float32)
    found = source.tensors["block_2.mlp_out.weight"]
    assert 0 < np.abs(found - expected).max() < np.abs(expected).max() / 100
    assert "Its weights are quantised" in source.notes[-1]


def test_heads_are_of_the_usual_width_where_nothing_says_how_many(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf")
    path.write_bytes(path.read_bytes().replace(HEADS.encode(), b"x" * len(HEADS)))
    assert load_source(path).specification.attention_heads == 1  # type: ignore[attr-defined]


def fails(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_source(path)
    assert str(path) in str(caught.value)


def test_bytes_that_cannot_be(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", **{"general.alignment": 64})
    good = path.read_bytes()
    huge = struct.pack("<Q", 1 << 62)
    fails(path, good[:4] + b"\x01\0\0\0" + good[8:], "is of version 1 of GGUF")
    fails(path, good[:8] + huge + good[16:], r"would end at byte|is no text|has .* bytes")
    fails(path, good[:24] + huge + good[32:], "the name of a setting has 4,611,686,018,427,387,904")
    fails(path, good[:-20_000], r"would end at byte .* of .*; the file is cut off")
    name = b"model.encoder.conv2.bias"
    place = good.index(name) + len(name)  # rank, dimension, type, offset
    fails(path, good[:place] + b"\x09" + good[place + 1 :], "conv2.bias has 9 dimensions")
    zero = good[: place + 4] + bytes(8) + good[place + 12 :]
    fails(path, zero, r"conv2.bias is \[0\] of f16, which cannot be")
    kind = good[: place + 12] + b"\x63" + good[place + 13 :]
    fails(path, kind, "conv2.bias is of a type, number 99, that is not read; f32, f16, .*q6_k")
    over = good[: place + 16] + bytes(8) + good[place + 24 :]
    fails(path, over, "lies over another tensor")
    twice = good.replace(b"model.encoder.conv2.bias", b"model.encoder.conv1.bias")
    fails(path, twice, "conv1.bias is there twice")
    alignment = good.index(b"general.alignment") + len("general.alignment") + 4
    fails(path, good[:alignment] + bytes(4) + good[alignment + 4 :], "general.alignment is 0")


def test_another_model_is_named(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", {"token_embd.weight": np.zeros((4, 4), np.float32)})
    with pytest.raises(CheckpointError, match=r"is a GGUF of whisper, without the encoder.conv1"):
        load_source(path)
    few = {n: t for n, t in whisper_tensors().items() if "layers.1.fc1" not in n}
    with pytest.raises(CheckpointError, match=r"block_2.mlp_in.weight, block_2.mlp_in.bias are mi"):
        load_source(write_gguf(tmp_path / "few.gguf", few))
