"""`--dry_run true` prints what a run prints before its first step, and writes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from command_runner import Result, run_command

from .conftest import ToneCorpus

Train = Callable[..., Result]


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def report(result: Result) -> str:
    """Return the error message of a command, without the log before it."""
    assert result.returncode == 2, result.stderr
    return result.stderr[result.stderr.index("error: ") :]


@pytest.fixture
def clips(latin: ToneCorpus, tmp_path: Path) -> Path:
    """Return a CSV file of valid clips, in its own folder."""
    folder = tmp_path / "clips"
    shutil.copytree(latin.train.parent, folder)
    for name in ("dev.csv", "test.csv", "letters.txt"):
        (folder / name).unlink()
    return (folder / "train.csv").rename(folder / "all.csv")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines, "nope.wav,1,ab"], "nope.wav: no such file"),
        (lambda lines: [lines[0], *[line.upper().replace("WAV", "wav").replace("TRAIN", "train")
                                    for line in lines[1:]]], "--normalize_transcripts true"),
        (lambda lines: [*lines, f"train0.wav,1,{'abcd' * 99}"], "too short for the transcript"),
        (lambda lines: [*lines, "train0.wav,1"], "2 fields where the header has 3"),
    ],
)  # fmt: skip
def test_it_finds_what_the_run_finds(
    clips: Path,
    latin: ToneCorpus,
    tmp_path: Path,
    train: Train,
    change: Callable[[Sequence[str]], Sequence[str]],
    said: str,
) -> None:
    clips.write_text("\n".join(change(clips.read_text().splitlines())) + "\n")
    for data in (("--train_files", clips), ("--auto_input_dataset", clips)):
        before = contents(tmp_path)
        flags = ("--checkpoint_dir", tmp_path / "new", "--alphabet_config_path", latin.alphabet,
                 *data, "--epochs", 1)  # fmt: skip
        found = report(train(*flags, "--dry_run", "true"))
        assert said in found
        assert contents(tmp_path) == before
        assert report(train(*flags)) == found
        assert str(clips) in found  # the user's file, not one that was split from it


def test_it_says_what_would_be_split_and_writes_nothing(
    clips: Path, tmp_path: Path, train: Train
) -> None:
    before = contents(tmp_path)
    flags = ("--checkpoint_dir", tmp_path / "new", "--auto_input_dataset", clips, "--epochs", 1)
    dry = train(*flags, "--dry_run", "true", "--export_dir", tmp_path / "exported")
    assert dry.returncode == 0, dry.stderr
    said = dry.stdout + dry.stderr
    assert "20 rows to train on, 2 for dev and 2 for test" in said
    assert "To be written: " in said
    assert f"To train on: 20 clips, 0.2 minutes, of {clips.parent / 'train.csv'}" in said
    assert "nothing was trained or written" in said
    assert contents(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"clips"}

    done = train(*flags)
    assert done.returncode == 0, done.stderr
    assert (clips.parent / "train.csv").is_file()
    assert "it is not finished" not in done.stderr


def test_bad_rows_that_would_be_skipped_are_listed_nowhere(
    clips: Path, tmp_path: Path, train: Train
) -> None:
    clips.write_text(clips.read_text() + "nope.wav,1,ab\n")
    before = contents(tmp_path)
    dry = train(
        "--checkpoint_dir", tmp_path / "new", "--train_files", clips, "--on_bad_row", "skip",
        "--dry_run", "true",
    )  # fmt: skip
    assert dry.returncode == 0, dry.stderr
    assert "1 row is left out (--on_bad_row skip)" in dry.stdout + dry.stderr
    assert contents(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_a_scorer_that_is_not_there_is_found(clips: Path, tmp_path: Path, train: Train) -> None:
    flags = ("--checkpoint_dir", tmp_path / "new", "--train_files", clips,
             "--scorer_path", tmp_path / "no.scorer")  # fmt: skip
    assert report(train(*flags, "--dry_run")) == report(train(*flags))


def test_sets_that_are_trained_and_measured_on_are_named(
    clips: Path, tmp_path: Path, train: Train
) -> None:
    link = clips.with_name("link.csv")
    link.symlink_to(clips)
    flags = ("--checkpoint_dir", tmp_path / "new", "--train_files", clips, "--dry_run", "true")
    said = train(*flags, "--dev_files", link, "--test_files", clips).stderr
    assert f"--dev_files {link} is also training data" in said
    assert f"--test_files {clips} is also training data" in said
    assert "is also training data" not in train(*flags).stderr


def test_it_is_about_training(clips: Path, tmp_path: Path) -> None:
    flags = ("--checkpoint_dir", tmp_path / "new", "--test_files", clips, "--dry_run", "true")
    assert "no training data" in report(run_command("train", *flags))
