"""`train --teacher`: small models that learn from larger ones."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import soundfile

from command_runner import Result, run_command

from .conftest import SMALL, ToneCorpus
from .test_training_commands import character_error_rate

STREAMING = (
    "--architecture", "streaming_conformer", "--encoder_width", 32, "--encoder_blocks", 2,
    "--encoder_heads", 2, "--chunk_milliseconds", 160, "--left_milliseconds", 640,
)  # fmt: skip


@pytest.fixture(scope="module")
def teacher(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint folder of a model with a low error rate on the tones."""
    folder = tmp_path_factory.mktemp("distillation") / "teacher"
    result = run_command(
        "train", "--checkpoint_dir", folder, "--alphabet_config_path", latin.alphabet, *latin.flags,
        *SMALL, "--n_hidden", 48, "--epochs", 80,
    )  # fmt: skip
    assert character_error_rate(result.stdout) < 0.1
    return folder


def teach(teacher: Path, latin: ToneCorpus, *flags: object) -> Result:
    return run_command(
        "train", "--teacher", teacher, "--alphabet_config_path", latin.alphabet, *latin.flags,
        *SMALL, *flags,
    )  # fmt: skip


def test_a_student_learns_from_its_teacher_sooner_than_alone(
    teacher: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    flags = ("--epochs", 20, "--n_hidden", 24)
    taught = teach(teacher, latin, *flags, "--checkpoint_dir", tmp_path / "taught")
    assert taught.returncode == 0, taught.stderr
    assert "frames of 20 ms from its frames of 20 ms" in taught.stderr
    alone = run_command(
        "train", "--alphabet_config_path", latin.alphabet, *latin.flags, *SMALL, *flags,
        "--checkpoint_dir", tmp_path / "alone",
    )  # fmt: skip
    assert character_error_rate(taught.stdout) < 0.5 * character_error_rate(alone.stdout)


def test_frames_of_another_length_are_taught_without_transcripts(
    teacher: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    unlabelled = tmp_path / "untold.csv"
    rows = latin.train.read_text(encoding="utf-8").splitlines()
    shutil.copytree(latin.train.parent, tmp_path, dirs_exist_ok=True)
    unlabelled.write_text(
        "\n".join([rows[0], *(",".join([*row.split(",")[:2], "???"]) for row in rows[9:])]) + "\n",
        encoding="utf-8",
    )
    result = teach(
        teacher, latin, *STREAMING, "--epochs", 25, "--checkpoint_dir", tmp_path / "student",
        "--limit_train", 8, "--unlabelled_files", unlabelled, "--teacher_weight", 0.8,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "frames of 40 ms from its frames of 20 ms" in result.stderr
    assert "Training on 24 clips" in result.stderr
    labelled = tmp_path / "told.csv"
    labelled.write_text("\n".join([rows[0], *rows[9:]]) + "\n", encoding="utf-8")
    heard = run_command(
        "evaluate", "--checkpoint_dir", tmp_path / "student", "--load_evaluate", "last",
        "--test_files", labelled,
    )  # fmt: skip
    assert character_error_rate(heard.stdout) < 0.3


def test_a_teacher_of_another_alphabet_is_refused(
    teacher: Path, latin: ToneCorpus, cyrillic: ToneCorpus, tmp_path: Path
) -> None:
    result = run_command(
        "train", "--teacher", teacher, "--checkpoint_dir", tmp_path / "new", *cyrillic.flags,
        "--alphabet_config_path", cyrillic.alphabet, *SMALL,
    )  # fmt: skip
    assert result.returncode != 0
    assert re.search(r"4 new: 'б' .*; 4 removed: 'a'", result.stderr)


@pytest.mark.parametrize("dry_run", ["true", "false"])
def test_a_teacher_that_is_none_is_refused(latin: ToneCorpus, tmp_path: Path, dry_run: str) -> None:
    result = teach(
        tmp_path / "nothing", latin, "--checkpoint_dir", tmp_path / "new", "--dry_run", dry_run
    )
    assert result.returncode != 0
    assert re.search(r"error: --teacher: \S*nothing does not exist", result.stderr)
    assert "Traceback" not in result.stderr


def test_a_student_larger_than_its_teacher_is_told_so(
    teacher: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    result = teach(
        teacher, latin, "--checkpoint_dir", tmp_path / "new", "--n_hidden", 64, "--dry_run", "true"
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"The student has [\d,]+ parameters, more than its teacher", result.stderr)


def test_what_is_measured_on_is_not_trained_on(
    teacher: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    samples, rate_hz = soundfile.read(latin.test.parent / "test2.wav", dtype="int16")
    soundfile.write(tmp_path / "disguised.flac", samples, rate_hz)
    shutil.copy(latin.train.parent / "train0.wav", tmp_path)
    unlabelled = tmp_path / "untold.csv"
    unlabelled.write_text(
        "wav_filename,wav_filesize,transcript\ntrain0.wav,1,\ndisguised.flac,1,\n", encoding="utf-8"
    )
    result = teach(
        teacher, latin, "--checkpoint_dir", tmp_path / "new", "--unlabelled_files", unlabelled,
        "--dry_run", "true",
    )  # fmt: skip
    assert result.returncode != 0
    assert "1 recording of --unlabelled_files is also in the evaluation data" in result.stderr
    assert re.search(r"untold\.csv:3 is .*test\.csv:4", result.stderr)


def test_flags_of_a_teacher_need_one(latin: ToneCorpus, tmp_path: Path) -> None:
    result = run_command(
        "train", *latin.flags, "--checkpoint_dir", tmp_path / "new", "--teacher_weight", 0.3
    )
    assert result.returncode != 0
    assert "--teacher_weight has no effect without --teacher; add it" in result.stderr
