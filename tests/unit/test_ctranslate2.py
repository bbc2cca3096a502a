"""Whisper models in CTranslate2's folders equal the same models in Hugging Face's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coqui_stt_training.checkpoints.conversion import convert
from coqui_stt_training.checkpoints.loading import digest_source, load_source
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.inspect import describe, format_text
from encoder_folders import write_whisper
from whisper_formats import ctranslate2_variables, quantised, write_ctranslate2


@pytest.mark.parametrize(
    ("kind", "relative"),
    [("float32", 0.0), ("float16", 0.0), ("bfloat16", 2**-7), ("int16", 2**-10), ("int8", 1 / 253)],
)
def test_the_same_weights_as_from_hugging_face(tmp_path: Path, kind: str, relative: float) -> None:
    expected = load_source(write_whisper(tmp_path / "huggingface"))
    path = write_ctranslate2(tmp_path / "model", quantised(ctranslate2_variables(), kind))
    source = load_source(path.parent)
    assert source.format == "ctranslate2"
    assert source.specification == expected.specification
    assert source.features == expected.features
    assert source.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        bound = relative * np.abs(tensor).max()
        np.testing.assert_allclose(source.tensors[name], tensor, rtol=0, atol=bound, err_msg=name)
    assert any("quantised" in note for note in source.notes) == kind.startswith("int")
    assert digest_source(path.parent) == digest_source(path)


def test_the_heads_of_an_older_file_follow_from_its_width(tmp_path: Path) -> None:
    variables = ctranslate2_variables()
    del variables["encoder/num_heads"]
    source = load_source(write_ctranslate2(tmp_path, variables))
    assert source.specification.attention_heads == 1  # heads are 64 wide; this model is 16


def test_an_alias_stands_for_its_variable(tmp_path: Path) -> None:
    variables = ctranslate2_variables()
    name, kept = "encoder/layer_1/ffn/layer_norm/gamma", "encoder/layer_0/ffn/layer_norm/gamma"
    del variables[name]
    source = load_source(write_ctranslate2(tmp_path, variables, aliases={name: kept}))
    np.testing.assert_array_equal(source.tensors["block_2.mlp_norm.weight"], variables[kept])


def test_inspect_says_what_it_is(tmp_path: Path) -> None:
    path = write_ctranslate2(tmp_path, quantised(ctranslate2_variables(), "int8"))
    text = format_text(describe(load_source(path)))
    assert "format      ctranslate2" in text
    assert "whisper: 2 blocks of width 16, 2 heads, 80 mel channels" in text
    assert "types: float32, int8" in text


def fails(path: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        load_source(path)
    assert "\n" not in str(caught.value)


def test_a_decoder_alone_is_no_encoder(tmp_path: Path) -> None:
    variables = {n: v for n, v in ctranslate2_variables().items() if n.startswith("decoder/")}
    fails(write_ctranslate2(tmp_path, variables), "a decoder alone for instance")


def test_another_kind_of_model_is_named(tmp_path: Path) -> None:
    path = write_ctranslate2(tmp_path, kind="TransformerSpec")
    fails(path, "is a TransformerSpec of CTranslate2; of its kinds, WhisperSpec can be started")


def test_all_that_is_missing_or_too_much_is_said(tmp_path: Path) -> None:
    variables = ctranslate2_variables()
    del variables["encoder/conv1/bias"]
    variables["encoder/layer_0/ffn/linear_0/weight_zero"] = np.zeros(3, np.float32)
    variables["encoder/conv2/bias"] = np.zeros(5, np.float32)
    path = write_ctranslate2(tmp_path, variables)
    fails(path, "convolutions.first.bias is missing; convolutions.second.bias is .5. instead of")
    fails(path, "encoder/layer_0/ffn/linear_0/weight_zero is unknown")


def test_a_fused_product_that_cannot_be_shared(tmp_path: Path) -> None:
    variables = ctranslate2_variables()
    variables["encoder/layer_0/self_attention/linear_0/weight"] = np.zeros((47, 16), np.float32)
    fails(write_ctranslate2(tmp_path, variables), r"attention.value.weight is \[15, 16\] instead")
    variables["encoder/layer_0/self_attention/linear_0/weight"] = np.zeros((), np.float32)
    fails(write_ctranslate2(tmp_path, variables), "attention.query.weight.* missing")


def test_types_without_a_float(tmp_path: Path) -> None:
    path = write_ctranslate2(tmp_path)
    content = bytearray(path.read_bytes())
    place = content.index(b"encoder/conv1/bias\0") + len(b"encoder/conv1/bias\0") + 5
    content[place] = 6
    path.write_bytes(content)
    fails(path, "encoder/conv1/bias is of an unknown type, number 6; float32, .*bfloat16 can be")


def test_whole_numbers_without_their_scale(tmp_path: Path) -> None:
    variables = quantised(ctranslate2_variables(), "int8")
    del variables["encoder/conv1/weight_scale"]
    fails(
        write_ctranslate2(tmp_path, variables), "conv1/weight is int8, and no float32 encoder/conv1"
    )


@pytest.mark.parametrize("lost", [1, 5, 300, 20_000])
def test_a_file_cut_off(tmp_path: Path, lost: int) -> None:
    path = write_ctranslate2(tmp_path)
    path.write_bytes(path.read_bytes()[:-lost])
    fails(path, "the file is cut off or damaged, copy or download it again")


def test_another_version_and_bytes_behind_the_end(tmp_path: Path) -> None:
    fails(write_ctranslate2(tmp_path, version=9), "is of version 9 of CTranslate2's format")
    path = write_ctranslate2(tmp_path)
    path.write_bytes(path.read_bytes() + b"\0")
    fails(path, "goes on after its last variable")


def test_an_encoder_alone_is_not_converted_but_trained_from(tmp_path: Path) -> None:
    path = write_ctranslate2(tmp_path / "model")
    with pytest.raises(
        CheckpointError, match="train can start from it directly, with --load_check"
    ):
        convert(path, tmp_path / "converted")
    assert not (tmp_path / "converted").exists()
