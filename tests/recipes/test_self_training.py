"""`train --unlabelled_files` without a teacher: the model learns from its own transcripts."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from command_runner import Result, run_command
from coqui_stt_training.checkpoints.file import read_checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.training import trainer as trainer_module

from .conftest import SMALL, ToneCorpus

FLAGS = ("--limit_train", 8, "--epochs", 5, "--self_training_after_epochs", 2,
         "--self_training_confidence", 0, "--shuffle_batches", "true",
         "--learning_rate_schedule", "cosine",
         "--augment", "specaugment", "speed[p=0.5]")  # fmt: skip


@pytest.fixture(scope="module")
def unlabelled(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of recordings without transcripts: the training set but its first 8 clips."""
    folder = tmp_path_factory.mktemp("untold") / "recordings"
    folder.mkdir()
    for number in range(8, 24):
        shutil.copy(latin.train.parent / f"train{number}.wav", folder)
    return folder


def train(folder: Path, latin: ToneCorpus, unlabelled: Path | str, *flags: object) -> Result:
    return run_command(
        "train", "--checkpoint_dir", folder, "--alphabet_config_path", latin.alphabet,
        "--unlabelled_files", unlabelled, *latin.flags, *SMALL, *flags,
    )  # fmt: skip


def newest(folder: Path) -> Path:
    path = CheckpointFolder(folder).newest_of_ours("last")
    assert path is not None
    return path


def test_clips_without_transcripts_join_after_the_warm_up(
    latin: ToneCorpus, unlabelled: Path, tmp_path: Path
) -> None:
    result = train(tmp_path, latin, unlabelled, *FLAGS)
    assert result.returncode == 0, result.stderr
    assert "Training on 24 clips" in result.stderr
    assert (
        "From epoch 2 on, the model also learns from its own transcripts of 16 clips"
        in result.stderr
    )
    assert (
        len(re.findall("of 16 clips without a transcript, heard with a mean", result.stderr)) == 3
    )
    run = read_checkpoint(newest(tmp_path)).run
    assert run is not None
    assert run["step"] == 2 * 2 + 3 * 6


def test_dying_at_any_step_changes_nothing(
    latin: ToneCorpus, unlabelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(tmp_path / "whole", latin, unlabelled, *FLAGS).returncode == 0
    generator = random.Random(3)
    take_step, steps_left = trainer_module.Trainer._train_step, 0

    def step(self: trainer_module.Trainer, batches: object) -> None:
        nonlocal steps_left
        if steps_left == 0:
            raise KeyboardInterrupt
        steps_left -= 1
        take_step(self, batches)  # type: ignore[arg-type]

    def save_now_and_then(self: trainer_module.Trainer) -> None:
        if generator.random() < 0.5:
            self._save("last")

    monkeypatch.setattr(trainer_module.Trainer, "_train_step", step)
    monkeypatch.setattr(trainer_module.Trainer, "_between_batches", save_now_and_then)
    deaths = 0
    while True:
        steps_left = generator.randint(3, 8)
        if train(tmp_path / "dying", latin, unlabelled, *FLAGS).returncode == 0:
            break
        deaths += 1
        assert deaths < 20
    assert deaths > 1
    ours, theirs = (read_checkpoint(newest(tmp_path / name)) for name in ("dying", "whole"))
    assert ours.run == theirs.run
    for name, tensor in theirs.tensors.items():
        np.testing.assert_array_equal(ours.tensors[name], tensor)
        assert ours.average is not None
        assert theirs.average is not None
        np.testing.assert_array_equal(ours.average[name], theirs.average[name])


def test_what_the_model_is_unsure_of_is_no_part_of_training(
    latin: ToneCorpus, unlabelled: Path, tmp_path: Path
) -> None:
    result = train(tmp_path, latin, unlabelled, *FLAGS, "--self_training_confidence", 0.999)
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("learned from 0 of 16 clips") == 3


def test_a_share_of_an_epoch(latin: ToneCorpus, unlabelled: Path, tmp_path: Path) -> None:
    result = train(tmp_path, latin, f"{unlabelled}:0.2", *FLAGS)
    assert result.returncode == 0, result.stderr
    assert "Training on 14 clips" in result.stderr  # 8, and 20 % of an epoch with all 24: 6


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("--average_weights", "false"),
            "--average_weights false: --unlabelled_files without --teacher",
        ),
        (("--teacher", "x", "--self_training_weight", 2), "has no effect with --teacher"),
        (("--unlabelled_files", "nowhere"), "nowhere: no such file or directory"),
    ],
)
def test_flags_that_do_not_go_together(
    flags: tuple[object, ...], said: str, latin: ToneCorpus, unlabelled: Path, tmp_path: Path
) -> None:
    result = train(tmp_path, latin, unlabelled, "--dry_run", "true", *flags)
    assert result.returncode == 2
    assert said in result.stderr


def test_flags_without_audio_and_a_warm_up_without_end(
    latin: ToneCorpus, unlabelled: Path, tmp_path: Path
) -> None:
    alone = run_command("train", "--self_training_weight", 2, "--train_files", latin.train)
    assert (
        "--self_training_weight: has no effect without --unlabelled_files; add it" in alone.stderr
    )
    flags = ("--epochs", 4, "--self_training_after_epochs", 4, "--dry_run", "true")
    never = train(tmp_path, latin, unlabelled, *flags)
    assert never.returncode == 0
    assert "are never used: of 4 epochs" in never.stderr
