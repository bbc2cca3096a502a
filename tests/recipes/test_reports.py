"""Reports written by the documented commands on tiny data."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from browser import needs_browser, opened, refused, stumbles
from command_runner import run_command
from coqui_stt_training.report import sample_log
from coqui_stt_training.report.event_reader import read_curves
from coqui_stt_training.report.training_run import read_run, read_runs

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
    model = kept["model"]
    assert f"{model} − {model} (a)" in text  # the same model, decoded in another way
    assert text.count('id="media-') == 12


def test_a_report_that_cannot_be_written_is_told_before_the_work(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    flags = ["--checkpoint_dir", source, "--test_files", latin.test, "--report"]
    result = run_command("evaluate", *flags, tmp_path / "report.pdf")
    assert result.returncode == 2
    assert "unknown format" in result.stderr
    assert "WER" not in result.stdout


def test_skipped_rows_are_listed_beside_other_lists(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    rows = Path(latin.test).read_text().splitlines()
    test = Path(latin.test).with_name("with-a-bad-row.csv")
    test.write_text("\n".join([*rows, "gone.wav,1,word"]) + "\n")
    other = tmp_path / "skipped_rows.csv"
    other.write_text("precious\n")
    for _ in range(2):  # the second time, the same list needs no other file
        result = run_command(
            "evaluate", "--checkpoint_dir", source, "--test_files", test, "--on_bad_row", "skip",
            "--beam_width", 1, cwd=tmp_path,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        assert f"they are listed in {tmp_path / 'skipped_rows-2.csv'}" in result.stderr
    assert other.read_text() == "precious\n"
    listed = (tmp_path / "skipped_rows-2.csv").read_text()
    assert "gone.wav" in listed
    assert {path.name for path in tmp_path.iterdir()} == {"skipped_rows.csv", "skipped_rows-2.csv"}


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


@pytest.fixture(scope="module")
def fine_tuned(source: Path, latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "fine-tuned"
    result = run_command(
        "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", folder,
        "--train_files", latin.train, "--dev_files", latin.dev, *SMALL, "--epochs", 3,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder


def test_training_runs_are_reported_over_each_other(
    source: Path, fine_tuned: Path, tmp_path: Path
) -> None:
    page, picture = tmp_path / "runs.html", tmp_path / "runs.png"
    result = run_command("report.command", source, fine_tuned, "--report", page, picture)
    assert result.returncode == 0, result.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    text = page.read_text(encoding="utf-8")
    assert text.count("No data") == 0
    for name in ("source, training", "fine-tuned, dev", "Gradient norm", "Throughput", "kept"):
        assert name in text
    run = read_run(fine_tuned)
    assert len(run.curves["dev"]["wer"]) == 3
    assert len(run.curves["train"]["step_loss"]) == run.steps == 18
    assert all(sorted(heard) == [0, 1, 2] for heard in run.samples.values())
    assert len(run.samples) == 6


def test_runs_in_folders_of_one_name_and_of_bootstrap_are_told_apart(
    source: Path, fine_tuned: Path, tmp_path: Path
) -> None:
    made = tmp_path / "my-model"
    made.mkdir()
    (made / "training").symlink_to(fine_tuned)
    (made / "bootstrap.json").write_text(
        json.dumps({"stages": {"train": {"found": {"folder": "training"}}}})
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "other/my-model").symlink_to(source)
    folders = [made, tmp_path / "other/my-model", source]
    assert [run.name for run in read_runs(folders)] == [*map(str, folders[:2]), source.name]
    assert read_run(made).name == "my-model"


@needs_browser
def test_the_page_of_a_run_shows_without_network(
    source: Path, fine_tuned: Path, tmp_path: Path
) -> None:
    page_file = tmp_path / "run.html"
    run_command("report.command", fine_tuned, "--report", page_file)
    with opened(page_file) as page:
        assert page.inner_text("h1") == "Training of fine-tuned"
        assert len(page.query_selector_all("svg.chart")) == 8
        assert not refused(page)
    run_command("report.command", fine_tuned, source, "--report", page_file)
    with opened(page_file) as page:
        assert not stumbles(page)


def test_a_run_that_goes_on_hides_what_it_does_again(
    source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    """A broken end of an event file or a cut-off line of samples hides nothing else."""
    folder = tmp_path / "run"
    flags = [
        "--checkpoint_dir", folder, "--train_files", latin.train, "--dev_files", latin.dev, *SMALL
    ]  # fmt: skip
    assert run_command("train", *flags, "--epochs", 2).returncode == 0
    with (folder / "summaries" / sample_log.NAME).open("a", encoding="utf-8") as log:
        log.write('{"source": "x", "epoch": 1, "samp')
    for file in (folder / "summaries/train").iterdir():
        file.write_bytes(file.read_bytes() + b"\xff" * 11)
    assert run_command("train", *flags, "--epochs", 3, "--run", "continue").returncode == 0
    run = read_run(folder)
    assert [step for step, _ in run.curves["train"]["step_loss"]] == list(range(1, 19))
    assert all(sorted(heard) == [0, 1, 2] for heard in run.samples.values())


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    result = run_command("report.command", tmp_path)
    assert result.returncode == 2
    assert "no training run" in result.stderr
    result = run_command("report.command", tmp_path / "nowhere")
    assert result.stderr.endswith("nowhere: no such folder\n")
    (tmp_path / "events.out.tfevents.1").write_bytes(b"\xff" * 100)
    assert read_curves(tmp_path) == {}


def test_train_ends_with_a_summary_whose_commands_work(latin: ToneCorpus, tmp_path: Path) -> None:
    folder = tmp_path / "a model"
    flags = ["--checkpoint_dir", folder, *latin.flags, *SMALL, "--epochs", 2]
    log = run_command("train", *flags).stdout
    summary = log[log.index("The run at a glance: 2 epochs, 12 steps") :]
    assert "after the first epoch; WER" in summary
    assert f"  {latin.test}:  WER" in summary
    assert f"The model is in {folder} (best: best_dev-" in summary
    commands = re.findall(r"python -m coqui_stt_training\.(\w+) (.*)", summary)
    assert [name for name, _ in commands] == ["report", "evaluate", "export"]
    for name, words in commands:
        module = "report.command" if name == "report" else name
        assert run_command(module, *shlex.split(words), cwd=tmp_path).returncode == 0
    assert {"training_report.html", "errors.html", "exported"} <= {
        path.name for path in tmp_path.iterdir()
    }
