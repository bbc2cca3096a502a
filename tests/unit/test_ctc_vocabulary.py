"""The characters of an output layer of transformers, read from its vocabulary and settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.errors import CheckpointError
from encoder_folders import write_for_languages, write_wav2vec2


def labels_of(folder: Path, vocabulary: dict[str, Any], **settings: Any) -> tuple[str, ...]:
    """Return the labels of a model with five output rows, given its vocabulary and settings."""
    model = write_wav2vec2(folder / "model", " abc")
    (model / "vocab.json").write_text(json.dumps(vocabulary))
    (model / "tokenizer_config.json").write_text(json.dumps(settings))
    alphabet = load_source(model).alphabet
    assert alphabet is not None
    return alphabet.labels


@pytest.mark.parametrize(
    ("vocabulary", "settings", "labels"),
    [
        ({"[PAD]": 0, "|": 1, "a": 2, "b": 3, "[UNK]": 4}, {}, (" ", "a", "b")),
        ({"|": 1, "a": 2, "b": 3, " ": 4}, {}, (" ", "a", "b")),
        ({" ": 1, "a": 2, "b": 3}, {}, (" ", "a", "b")),
        ({"\u2581": 1, "a": 2}, {"word_delimiter_token": "\u2581"}, (" ", "a")),
        ({"_": 1, "a": 2, "|": 3}, {"word_delimiter_token": {"content": "_"}}, (" ", "a", "|")),
        ({"|": 1, "e": 2, "\u0301": 3}, {}, (" ", "e", "\u0301")),
        ({"|": 1, "\u212b": 2, "\u00c5": 3, "a": 4}, {}, (" ", "\u00c5", "a")),
        ({"|": 1, "": 2, "a": 3}, {"word_delimiter_token": None}, (" ", "a")),
        ({"|": 1, "\n": 2, "a": 3}, {}, (" ", "a")),
        ({"[PAD]": 0, "<pad>": 0, "|": 1, "a": 2, "<s>": 5, "</s>": 6}, {}, (" ", "a")),
    ],
)
def test_a_vocabulary_is_an_alphabet(
    tmp_path: Path, vocabulary: dict[str, Any], settings: dict[str, Any], labels: tuple[str, ...]
) -> None:
    assert labels_of(tmp_path, vocabulary, **settings) == labels


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ({"|": 1, "a": 2, "b": 9, "c": "3"}, r"of 5 rows: 'b' is row 9, 'c' is row '3'; give"),
        ({"|": 1, "a": 2, "b": 2}, "'a' and 'b' are both row 2; give the file that came with"),
        ({"<pad>": 0, "<s>": 1}, "has no characters; give the file that came with the model, or"),
        ({}, "has no characters"),
    ],
)
def test_a_vocabulary_that_does_not_fit(
    tmp_path: Path, vocabulary: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        labels_of(tmp_path, vocabulary)


def test_a_vocabulary_of_a_thousand_languages_is_read(tmp_path: Path) -> None:
    model = write_for_languages(tmp_path / "many", ukr=" abcd")
    file = model / "vocab.json"
    languages = json.loads(file.read_text())
    many = {f"x{number}": {f"{n}": n for n in range(99)} for number in range(1200)}
    file.write_text(json.dumps(languages | many, indent=2))
    assert file.stat().st_size > 1 << 20
    assert load_source(model / "adapter.ukr.safetensors").has_output


def test_without_a_vocabulary_the_encoder_alone_is_taken(tmp_path: Path) -> None:
    model = write_wav2vec2(tmp_path / "model", " abc")
    (model / "vocab.json").unlink()
    source = load_source(model)
    assert not source.has_output
    assert "no vocab.json beside it says which characters it writes" in source.notes[0]


def test_a_language_is_chosen_by_its_file(tmp_path: Path) -> None:
    model = write_for_languages(tmp_path / "many", ukr=" abcd", rus=" efg")
    ukr, rus = (load_source(model / f"adapter.{name}.safetensors") for name in ("ukr", "rus"))
    assert ukr.alphabet == Alphabet.from_labels(" abcd")
    assert rus.alphabet == Alphabet.from_labels(" efg")
    same = {name for name in ukr.tensors if np.array_equal(ukr.tensors[name], rus.tensors[name])}
    assert same == {
        name for name in ukr.tensors if "adapter" not in name and not name.startswith("output")
    }
    settings = model / "tokenizer_config.json"
    settings.write_text(json.dumps({"target_lang": "rus"}))
    chosen = load_source(model)
    assert np.array_equal(chosen.tensors["output.weight"], rus.tensors["output.weight"])
    settings.write_text(json.dumps({"target_lang": "tat"}))
    with pytest.raises(CheckpointError, match=r"2 languages, and none of tat; choose one by nam"):
        load_source(model)


def test_no_language_is_read_by_the_vocabulary_of_another(tmp_path: Path) -> None:
    model = write_for_languages(tmp_path / "many", ukr=" abcd", rus=" efg")
    for file in model.glob("adapter.*"):
        file.unlink()
    settings = model / "tokenizer_config.json"
    settings.write_text(json.dumps({"target_lang": "ukr"}))
    assert load_source(model).has_output  # the output layer in the model file
    settings.write_text(json.dumps({"target_lang": "rus"}))
    with pytest.raises(CheckpointError, match=r"of rus has 5 tokens, and the output layer 6 rows"):
        load_source(model)
