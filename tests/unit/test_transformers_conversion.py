"""Conversion of our models to CTC models of transformers; tests/oracle compares their results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.checkpoints.file import Checkpoint, write_checkpoint
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.transformers_conversion import convert_to_transformers
from coqui_stt_training.convert import main
from coqui_stt_training.errors import CheckpointError, FlagError
from coqui_stt_training.models.encoder import EncoderSpecification
from coqui_stt_training.models.wav2vec2.specification import Wav2Vec2Encoder
from coqui_stt_training.models.whisper.specification import WhisperEncoder
from encoder_folders import write_whisper

SMALL: dict[str, Any] = {
    "channels": (4, 4), "kernels": (10, 3), "strides": (5, 2), "width": 8, "attention_heads": 2,
    "blocks": 2, "mlp_width": 12, "position_kernel": 4, "position_groups": 2,
}  # fmt: skip


def checkpoint(
    path: Path, specification: EncoderSpecification, alphabet: Alphabet | None = None
) -> Path:
    alphabet = alphabet or Alphabet.from_labels([" ", "a", "ch"])
    random = np.random.default_rng(0)
    specification = specification.with_classes(alphabet.size + 1)
    tensors = {
        name: random.standard_normal(shape).astype(np.float32)
        for name, shape in specification.tensor_shapes().items()
    }
    content = Checkpoint(specification, alphabet, specification.front_end, tensors)
    write_checkpoint(path / "ours.safetensors", content)
    return path / "ours.safetensors"


def test_the_way_back_is_read_as_what_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = checkpoint(tmp_path, Wav2Vec2Encoder(**SMALL))
    assert main(["--to", "transformers", str(path), str(tmp_path / "theirs")]) == 0
    assert "It is a Wav2Vec2ForCTC" in capsys.readouterr().out
    before, after = load_source(path), load_source(tmp_path / "theirs")
    assert (after.specification, after.alphabet) == (before.specification, before.alphabet)
    assert after.tensors.keys() == before.tensors.keys()
    for name, tensor in before.tensors.items():
        np.testing.assert_allclose(after.tensors[name], tensor, rtol=1e-6, err_msg=name)


def test_lora_is_merged(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Wav2Vec2Encoder(**SMALL, adapter="lora:rank=2"))
    notes = convert_to_transformers(path, tmp_path / "theirs")[1]
    assert notes[0].startswith("Merged into the weights: LoRA of rank 2")
    expected, found = load_source(path).tensors, load_source(tmp_path / "theirs").tensors
    assert all(np.allclose(found[name], tensor, rtol=1e-6) for name, tensor in expected.items())


@pytest.mark.parametrize(
    ("specification", "alphabet", "message"),
    [
        (WhisperEncoder(mel_channels=4, width=8, attention_heads=2, blocks=1, positions=8), None,
         "is a whisper model, and written are those of the wav2vec 2.0 family alone"),
        (Wav2Vec2Encoder(**SMALL, head="lstm", head_size=2), None, "which --head linear --head"),
        (Wav2Vec2Encoder(**SMALL, head_blocks=2), None, "--head linear --head_blocks 1 trains"),
        (Wav2Vec2Encoder(**SMALL, adapter="bottleneck:size=2"), None, "its bottlenecks have no"),
        (Wav2Vec2Encoder(**SMALL), UTF8Alphabet(), "it writes bytes"),
        (Wav2Vec2Encoder(**SMALL), Alphabet.from_labels(["a", "|", "<x>"]), "has |, <x>, which"),
    ],
)  # fmt: skip
def test_what_transformers_has_no_model_for_is_refused(
    specification: EncoderSpecification, alphabet: Alphabet | None, message: str, tmp_path: Path
) -> None:
    path = checkpoint(tmp_path, specification, alphabet)
    with pytest.raises(CheckpointError) as caught:
        convert_to_transformers(path, tmp_path / "theirs")
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "theirs").exists()


def test_an_encoder_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    convert_to_transformers(checkpoint(tmp_path, Wav2Vec2Encoder(**SMALL)), tmp_path / "theirs")
    config = tmp_path / "theirs" / "config.json"
    with pytest.raises(CheckpointError, match="already holds a model"):
        convert_to_transformers(tmp_path / "theirs", tmp_path / "theirs")
    (tmp_path / "theirs" / "vocab.json").unlink()
    (tmp_path / "theirs" / "tokenizer.json").write_text("{}")
    assert json.loads(config.read_text())["pad_token_id"] == 0
    with pytest.raises(CheckpointError, match="is an encoder without an output layer"):
        convert_to_transformers(tmp_path / "theirs", tmp_path / "again")
    with pytest.raises(CheckpointError, match="is a whisper model"):
        convert_to_transformers(write_whisper(tmp_path / "whisper"), tmp_path / "again")


def test_flags_of_checkpoints_are_refused(tmp_path: Path) -> None:
    arguments = ["--to", "transformers", "a", str(tmp_path), "--audio_sample_rate", "8000"]
    with pytest.raises(FlagError, match="have no effect with --to transformers"):
        main(arguments)
