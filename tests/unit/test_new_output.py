"""The output layer for another alphabet: rows of the source are kept, or a new head is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.bootstrapping.new_output import new_output_flags
from coqui_stt_training.bootstrapping.output_rows import shared_rows
from coqui_stt_training.bootstrapping.planner import plan_bootstrap
from coqui_stt_training.bootstrapping.request import Head, Request
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.source import SourceModel
from coqui_stt_training.corpus import all_characters, plain_alphabet
from coqui_stt_training.experiments.start_flags import start_flags
from coqui_stt_training.models.encoder import EncoderSpecification
from encoder_folders import write_wav2vec2

ROWS = {"drop_source_layers": 1, "map_shared_characters": True}
NEW_HEAD = {"drop_source_layers": 1, "head": "lstm"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> SourceModel:
    return load_source(write_wav2vec2(tmp_path_factory.mktemp("ctc") / "model", " ABCD"))


@pytest.mark.parametrize(
    ("labels", "flags"),
    [
        (" abcdef", ROWS),
        (" ABÄÖ", ROWS),
        (" абвг", NEW_HEAD),
        ("አበ", NEW_HEAD),
        (" aбвг", NEW_HEAD),
    ],
)
def test_a_bare_output_layer_is_kept_where_it_writes_much_of_the_alphabet(
    source: SourceModel, labels: str, flags: dict[str, Any], tmp_path: Path
) -> None:
    alphabet = Alphabet.from_labels(labels)
    assert new_output_flags(source, alphabet) == flags
    file = tmp_path / "alphabet.txt"
    file.write_bytes(alphabet.serialize_text())
    start = start_flags(source, file, {}, ())
    assert start.items() >= flags.items()
    assert start_flags(source, file, {"head": "linear"}, ()).items() >= ROWS.items()


@pytest.mark.parametrize(
    ("text", "given", "is_kept"),
    [
        ("\u00e9 \u09af\u09bce", {}, True),
        ("\u00e9 \u09af\u09bce", {"alphabet_config_path": "the file"}, False),
        ("\u00c9, \u09af\u09bc!", {"normalize_transcripts": "true"}, True),
        ("\u09af\u09bc \u09a1\u09bc", {}, False),
        ("\u00ea", {}, False),
    ],
)
def test_a_source_with_characters_in_another_form_of_unicode_is_kept_whole(
    text: str, given: dict[str, Any], is_kept: bool, tmp_path: Path
) -> None:
    source = load_source(write_wav2vec2(tmp_path / "model", " e\u0301\u09df\u09af"))
    file = tmp_path / "alphabet.txt"
    make = plain_alphabet if given.get("normalize_transcripts") else all_characters
    file.write_bytes(make([text]).serialize_text())
    start = start_flags(source, file, given, [text])
    assert (start == {"load_checkpoint_dir": str(source.path)}) == is_kept
    rows = shared_rows(
        Alphabet.from_labels("\u00e9e\u09df"), Alphabet.from_labels(["e\u0301", "\u09af\u09bc"])
    )
    assert rows == {0: 0, 1: 2, 2: 3}


def test_the_advice_can_be_followed(source: SourceModel) -> None:
    request = Request(drop_source_layers=1, head=Head("lstm"), head_blocks=2)
    plan = plan_bootstrap(source, Alphabet.from_labels(" абвг"), request, "")
    assert plan.specification.layers[-3:] == ("mix", "head_1", "output")
    assert plan.specification.n_classes == 6


def test_a_head_of_our_own_is_kept(source: SourceModel) -> None:
    specification = source.specification
    assert isinstance(specification, EncoderSpecification)
    trained = replace(source, specification=specification.with_head("lstm", 1, 8))
    assert new_output_flags(trained, Alphabet.from_labels(" абвг")) == ROWS
