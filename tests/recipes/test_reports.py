"""Reports of what commands did, written by the documented commands on tiny data."""

from __future__ import annotations

import json
from pathlib import Path

from command_runner import run_command

from .conftest import SMALL, ToneCorpus


def evaluate(model: Path, corpus: ToneCorpus, *flags: object) -> None:
    result = run_command(
        "evaluate", "--checkpoint_dir", model, "--test_files", corpus.test, corpus.dev, *flags
    )
    assert result.returncode == 0, result.stderr


def test_evaluate_writes_reports_and_compares_with_another(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    evaluate(source, latin, "--report", tmp_path / "a.json", tmp_path / "a.csv", "--beam_width", 1)
    kept = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert len(kept["clips"]) == 12
    assert all(0 < clip["duration_seconds"] < 2 for clip in kept["clips"])
    assert all(len(clip["confidences"]) == len(clip["res"].split()) for clip in kept["clips"])
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()) == 13
    page = tmp_path / "b.html"
    evaluate(source, latin, "--report", page, "--compare", tmp_path / "a.json")
    text = page.read_text(encoding="utf-8")
    assert "Differences on the same clips" in text
    assert text.count('id="media-') == 12


def test_a_report_that_cannot_be_written_is_told_before_the_work(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    flags = ["--checkpoint_dir", source, "--test_files", latin.test, "--report"]
    result = run_command("evaluate", *flags, tmp_path / "report.pdf")
    assert result.returncode == 2
    assert "the name says no format" in result.stderr
    assert "WER" not in result.stdout


def test_an_exported_model_is_reported_too(source: Path, latin: ToneCorpus, tmp_path: Path) -> None:
    exported = tmp_path / "exported"
    result = run_command("export", "--checkpoint_dir", source, "--export_dir", exported)
    assert result.returncode == 0, result.stderr
    page = tmp_path / "export.html"
    result = run_command(
        "evaluate_export", "--model", exported / "output_graph.tflite", "--csv", latin.test,
        "--report", page,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert page.read_text(encoding="utf-8").count('id="media-') == 6


def test_train_writes_the_report_of_its_test(latin: ToneCorpus, tmp_path: Path) -> None:
    page = tmp_path / "test.html"
    result = run_command(
        "train", "--checkpoint_dir", tmp_path / "model", *latin.flags, *SMALL, "--epochs", 1,
        "--report", page,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Word error rate" in page.read_text(encoding="utf-8")
