"""Transcripts with capitals and punctuation in training, evaluation, export and messages."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from command_runner import Result, run_command
from coqui_stt_training.checkpoints.file import read_checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder

from .conftest import ToneCorpus

Train = Callable[..., Result]


def punctuated(path: Path, folder: Path) -> Path:
    """Copy a CSV file with capitals and punctuation added to its transcripts."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    copy = folder / path.name
    lines = [
        f'{path.parent / row["wav_filename"]},"{row["transcript"].title()}, …"' for row in rows
    ]
    copy.write_text("\n".join(["wav_filename,transcript", *lines]) + "\n", encoding="utf-8")
    return copy


@pytest.fixture(scope="module")
def written(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> ToneCorpus:
    folder = tmp_path_factory.mktemp("written")
    return ToneCorpus(
        *(punctuated(path, folder) for path in (latin.train, latin.dev, latin.test)), latin.alphabet
    )


def references(samples: Path) -> set[str]:
    return set("".join(sample["src"] for sample in json.loads(samples.read_text())))


def test_a_checkpoint_is_evaluated_as_it_was_trained(
    written: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    model, samples = tmp_path / "model", tmp_path / "samples.json"
    flags = ("--checkpoint_dir", model, "--alphabet_config_path", written.alphabet, *written.flags)
    refused = train(*flags, "--epochs", 1)
    assert refused.returncode == 2
    assert "add to your command: --normalize_transcripts true" in refused.stderr
    assert "--on_bad_row" not in refused.stderr

    trained = train(*flags, "--epochs", 1, "--normalize_transcripts")
    assert trained.returncode == 0, trained.stderr
    assert "Normalised 36 of 36 transcripts" in trained.stderr
    newest = CheckpointFolder(model).newest_of_ours("best")
    assert newest
    assert read_checkpoint(newest).flags["normalize_transcripts"] == "true"

    evaluate = ("evaluate", "--checkpoint_dir", model, "--test_files", written.test,
                "--beam_width", 8, "--test_output_file", samples)  # fmt: skip
    evaluated = run_command(*evaluate)
    assert evaluated.returncode == 0, evaluated.stderr
    assert references(samples) <= set("abcd")
    assert run_command(*evaluate, "--normalize_transcripts", "false").returncode == 2

    # A continued run keeps its setting; a new run takes over the setting of its source.
    going_on = train(*flags, "--epochs", 2, "--run", "continue")
    assert going_on.returncode == 0, going_on.stderr
    tuned = train(
        "--load_checkpoint_dir", model, "--save_checkpoint_dir", tmp_path / "tuned",
        *written.flags, "--epochs", 1,
    )  # fmt: skip
    assert tuned.returncode == 0, tuned.stderr


def test_an_alphabet_made_of_normalised_transcripts_has_small_letters_alone(
    written: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    result = train(
        "--checkpoint_dir", tmp_path, *written.flags, "--normalize_transcripts", "true",
        "--epochs", 1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert re.search(r"made an alphabet of 4 characters from the data: abcd$", result.stderr, re.M)


def test_capitals_and_punctuation_of_a_new_alphabet_are_said_to_cost_speech(
    written: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    flags = ("--checkpoint_dir", tmp_path, "--train_files", written.train, "--dry_run", "true")
    said = "--normalize_transcripts true removes them: A B C D , …"
    assert said in train(*flags).stderr
    log = train(*flags, "--dev_files", written.train, "--normalize_transcripts", "true").stderr
    assert said not in log
    assert re.search(r"Normalised (\d+) of \1 transcripts", log)  # also of a file in two sets


def test_invisible_characters_of_an_alphabet_made_of_the_data_are_named(
    latin: ToneCorpus, tmp_path: Path, train: Train
) -> None:
    rows = latin.train.read_text().splitlines()
    marked = latin.train.with_name("marked.csv")
    marked.write_text("\n".join([*rows[:-1], f"{rows[-1]}\u202b"]) + "\n")
    for normalizes in ("true", "false"):
        result = train(
            "--checkpoint_dir", tmp_path, "--train_files", marked, "--dry_run", "true",
            "--normalize_transcripts", normalizes,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        named = "The alphabet has 1 character that cannot be seen: U+202B RIGHT"
        assert (named in result.stderr) == (normalizes == "false")
    marked.unlink()


def test_an_exported_model_is_measured_alike_and_says_what_it_cannot_write(
    source: Path, written: ToneCorpus, tmp_path: Path
) -> None:
    exported = run_command("export", "--checkpoint_dir", source, "--export_dir", tmp_path)
    assert exported.returncode == 0, exported.stderr
    measure = ("evaluate_export", "--model", tmp_path / "output_graph.tflite", "--csv",
               written.test, "--test_output_file", tmp_path / "samples.json")  # fmt: skip
    plain = run_command(*measure)
    assert plain.returncode == 0, plain.stderr
    assert re.search(r"the model cannot write .*'…'.*; each counts as an error", plain.stderr)
    assert "--normalize_transcripts true would fix 6 rows" in plain.stderr
    normalized = run_command(*measure, "--normalize_transcripts", "true")
    assert "Normalised 6 of 6 transcripts" in normalized.stderr
    assert references(tmp_path / "samples.json") <= set("abcd")
