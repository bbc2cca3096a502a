"""Whisper models of whisper.cpp equal the same models in Hugging Face's folders."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.inspect import describe, format_text
from encoder_folders import write_whisper
from whisper_formats import DIMENSIONS, openai_tensors, write_ggml


@pytest.mark.parametrize(
    ("kind", "relative"),
    [("f32", 0.0), ("f16", 0.0), ("q8_0", 1 / 250), ("q5_0", 1 / 29), ("q5_1", 1 / 29),
     ("q4_0", 1 / 13), ("q4_1", 1 / 13)],
)  # fmt: skip
def test_the_same_weights_as_from_hugging_face(tmp_path: Path, kind: str, relative: float) -> None:
    expected = load_source(write_whisper(tmp_path / "huggingface"))
    source = load_source(write_ggml(tmp_path / "ggml-tiny.bin", kind))
    assert source.format == "ggml"
    assert source.specification == expected.specification
    assert source.features == expected.features
    assert source.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        bound = relative * np.abs(tensor).max() if name.endswith("mlp_out.weight") else 0
        np.testing.assert_allclose(source.tensors[name], tensor, rtol=0, atol=bound, err_msg=name)
    assert any("quantised" in note for note in source.notes) == kind.startswith("q")


def test_inspect_says_what_it_is(tmp_path: Path) -> None:
    text = format_text(describe(load_source(write_ggml(tmp_path / "ggml-tiny.bin", "q5_0"))))
    assert "format      ggml" in text
    assert "types: f16, f32, q5_0" in text


def test_a_folder_may_hold_one(tmp_path: Path) -> None:
    path = write_ggml(tmp_path / "ggml-tiny.bin")
    assert load_source(tmp_path).path == path
    write_ggml(tmp_path / "ggml-base.bin")
    with pytest.raises(CheckpointError, match=r"2 model files .ggml-base.bin, ggml-tiny.bin. and"):
        load_source(tmp_path)


def fails(path: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        load_source(path)
    assert "\n" not in str(caught.value)


def test_the_model_of_another_program(tmp_path: Path) -> None:
    path = tmp_path / "llama.bin"
    for magic in (b"tjgg", b"fmgg"):
        path.write_bytes(magic + struct.pack("<8i", 3, 32000, 4096, 256, 32, 32, 128, 2))
        fails(path, "is a model for llama.cpp or another program that uses ggml")
    tokens = b"".join(struct.pack("<i", 3) + b"the" for _ in range(30))
    path.write_bytes(b"lmgg" + struct.pack("<7i", 32000, 4096, 256, 32, 32, 128, 2) + tokens)
    fails(path, "is a ggml file, but not of Whisper")
    fails(write_ggml(path, filters=(128, 64)), "128 mel filters of 64 frequencies")


def test_a_decoder_alone_is_no_encoder(tmp_path: Path) -> None:
    tensors = {"decoder.ln.weight": np.ones(16, np.float32)}
    fails(write_ggml(tmp_path / "ggml.bin", tensors=tensors), "a decoder alone for instance")


def test_all_that_is_missing_or_too_much_is_said(tmp_path: Path) -> None:
    tensors = openai_tensors()
    del tensors["encoder.blocks.1.mlp.0.bias"]
    tensors["encoder.blocks.1.mlp.3.bias"] = np.zeros(5, np.float32)
    tensors["encoder.ln_post.bias"] = np.zeros(5, np.float32)
    path = write_ggml(tmp_path / "ggml.bin", tensors=tensors)
    fails(path, "block_2.mlp_in.bias is missing; block_2.final_norm.bias is .5. instead of .16.")
    fails(path, "encoder.blocks.1.mlp.3.bias is unknown")


def test_an_unknown_type_and_an_old_layout(tmp_path: Path) -> None:
    fails(write_ggml(tmp_path / "a.bin", type_number=15), "type, number 15, that is not read; f32,")
    fails(write_ggml(tmp_path / "b.bin", "q4_0", version=0), "in version 0 of their layout; 2 can")


@pytest.mark.parametrize("lost", [1, 5, 300, 20_000, 60_000])
def test_a_file_cut_off(tmp_path: Path, lost: int) -> None:
    path = write_ggml(tmp_path / "ggml.bin")
    path.write_bytes(path.read_bytes()[:-lost])
    fails(path, "the file is cut off or damaged, copy or download it again")


def test_dimensions_that_cannot_be(tmp_path: Path) -> None:
    path = write_ggml(tmp_path / "ggml.bin")
    content = bytearray(path.read_bytes())
    content[4 + 4 * list(DIMENSIONS).index("n_audio_layer")] = 0
    path.write_bytes(content)
    fails(path, "n_audio_layer is 0, and must be a positive whole number")
