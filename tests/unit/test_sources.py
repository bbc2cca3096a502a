"""The table of public models, in the command and in the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from coqui_stt_training import sources
from coqui_stt_training.bootstrapping.public_sources import (
    PUBLIC_SOURCES,
    find_sources,
    markdown_row,
)
from coqui_stt_training.checkpoints.recognise import Format
from coqui_stt_training.cli.config import TrainConfig
from coqui_stt_training.cli.flags import parse

PAGE = Path(__file__).parents[2] / "docs" / "sources.md"


def test_the_page_has_the_table_and_nothing_else() -> None:
    rows = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| [")
    ]
    assert rows == [markdown_row(source) for source in PUBLIC_SOURCES]


@pytest.mark.parametrize("source", PUBLIC_SOURCES, ids=lambda source: source.name)
def test_an_entry_can_be_read_by_this_program_and_found_by_a_person(source: object) -> None:
    (entry,) = [one for one in PUBLIC_SOURCES if one is source]
    assert Format(entry.format) is not Format.NATIVE
    assert re.fullmatch(r"https://(github\.com|huggingface\.co)/[\w.-]+/[\w./-]+", entry.url)
    assert re.fullmatch(r"[a-z]{2,3}", entry.tag)
    assert entry.licence
    assert entry.files in entry.how_to_use
    flag = entry.how_to_use.split(" (")[0].split(" ", 1)
    parsed = parse(TrainConfig, flag, program="train", description="")
    assert parsed.given == {"load_checkpoint_dir"}


def test_names_are_told_apart() -> None:
    assert len({source.name for source in PUBLIC_SOURCES}) == len(PUBLIC_SOURCES)


@pytest.mark.parametrize("language", ["uk", "UK", "uk-UA", "uk_UA", "Ukrainian"])
def test_a_language_is_found_by_tag_and_name(language: str) -> None:
    found = find_sources(language)
    assert found[0].name == "Ukrainian STT v0.4, robinhad"
    assert {source.tag for source in found} == {"uk", "mul"}


def test_the_command_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert sources.main([]) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"{source.name}\n") for source in PUBLIC_SOURCES]
    assert places == sorted(places)
    assert "Coqui STT 1.0.0, checkpoint\n  English (en) · Apache-2.0 · 677 MB" in shown
    assert "--drop_source_layers 1 --map_shared_characters true" in shown


def test_the_command_for_a_language_nobody_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert sources.main(["--language", "xh"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("No model for xh alone is known here.")
    assert "Coqui STT 1.0.0, checkpoint" in shown


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert sources.main(["--language", "cy", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert first["licence"] == "MIT"
    assert first["how_to_use"] == "--load_checkpoint_dir model.tflite"
