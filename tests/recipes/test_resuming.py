"""A run that is interrupted at any moment ends with the weights of one that is not."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from command_runner import run_command, start_process
from coqui_stt_training.checkpoints.file import read_checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.folder_lock import locked
from coqui_stt_training.runs import training as training_module
from coqui_stt_training.training import trainer as trainer_module

from .conftest import SMALL, ToneCorpus

EPOCHS = 3
FLAGS = ("--epochs", EPOCHS, "--shuffle_batches", "true", "--reduce_lr_on_plateau", "true",
         "--plateau_epochs", 1, "--es_min_delta", 0.5, "--max_to_keep", 2,
         "--optimizer", "adamw", "--learning_rate_schedule", "cosine", "--warmup_steps", 4,
         "--gradient_clipping", 20, "--entropy_weight", 0.01,
         "--consistency_weight", 0.1)  # fmt: skip


def command(folder: Path, corpus: ToneCorpus) -> list[object]:
    return ["--checkpoint_dir", folder, "--train_files", corpus.train, "--dev_files", corpus.dev,
            *SMALL, *FLAGS]  # fmt: skip


@pytest.fixture(scope="module")
def uninterrupted(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "uninterrupted"
    result = run_command("train", *command(folder, latin))
    assert result.returncode == 0, result.stderr
    return folder


def assert_same_end(folder: Path, uninterrupted: Path) -> None:
    for kind in ("last", "best"):
        ours = CheckpointFolder(folder).newest_of_ours(kind)  # type: ignore[arg-type]
        theirs = CheckpointFolder(uninterrupted).newest_of_ours(kind)  # type: ignore[arg-type]
        assert ours is not None
        assert theirs is not None
        assert ours.name == theirs.name
        a, b = read_checkpoint(ours), read_checkpoint(theirs)
        assert a.run == b.run
        assert (a.adam is not None, b.adam is not None) == (kind == "last", kind == "last")
        for name, tensor in b.tensors.items():
            np.testing.assert_array_equal(a.tensors[name], tensor)
            if b.average is not None:
                assert a.average is not None
                np.testing.assert_array_equal(a.average[name], b.average[name])
            if a.adam is not None and b.adam is not None:
                assert a.adam.step == b.adam.step
                np.testing.assert_array_equal(
                    a.adam.second_moments[name], b.adam.second_moments[name]
                )


class KilledError(Exception):
    """A stand-in for `kill -9` within the process."""


@pytest.mark.parametrize("seed", range(6))
def test_dying_at_any_step(
    seed: int,
    latin: ToneCorpus,
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The process dies repeatedly after a random number of steps, and saves at random moments."""
    generator = random.Random(seed)
    steps_left = 0
    take_step = trainer_module.Trainer._train_step

    def step(self: trainer_module.Trainer, batch: object) -> None:
        nonlocal steps_left
        if steps_left == 0:
            raise KilledError
        steps_left -= 1
        take_step(self, batch)  # type: ignore[arg-type]

    def save_now_and_then(self: trainer_module.Trainer) -> None:
        if generator.random() < 0.3:
            self._save("last")

    monkeypatch.setattr(trainer_module.Trainer, "_train_step", step)
    monkeypatch.setattr(trainer_module.Trainer, "_between_batches", save_now_and_then)
    deaths = 0
    while True:
        steps_left = generator.randint(2, 9)
        try:
            result = run_command("train", *command(tmp_path, latin))
        except KilledError:
            deaths += 1
            assert deaths < 60
            continue
        assert result.returncode == 0, result.stderr
        break
    assert deaths > 0
    assert_same_end(tmp_path, uninterrupted)


def test_kill_9_at_random_moments(latin: ToneCorpus, uninterrupted: Path, tmp_path: Path) -> None:
    generator = random.Random(7)
    flags = [*command(tmp_path, latin), "--checkpoint_secs", 1]
    for _ in range(3):
        process = start_process("train", *flags)
        time.sleep(generator.uniform(2.0, 5.0))
        process.kill()
        process.communicate()
    result = run_command("train", *command(tmp_path, latin))
    assert result.returncode == 0, result.stderr
    run = CheckpointFolder(tmp_path).read("last")
    assert run is not None
    if run.lineage and len(run.lineage) == 1:  # no run finished before it was killed
        assert_same_end(tmp_path, uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_says_how_to_go_on(
    number: signal.Signals, latin: ToneCorpus, tmp_path: Path
) -> None:
    flags = ["--checkpoint_dir", tmp_path, "--train_files", latin.train, *SMALL, "--epochs", 100000]
    process = start_process("train", *flags)
    deadline = time.monotonic() + 60
    while not (tmp_path / "checkpoint").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    log, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "everything is saved" in log
    assert "run the same command again" in log
    assert "Traceback" not in log
    step = CheckpointFolder(tmp_path).read("last")
    assert step is not None
    assert f"Stopped at step {step.step}" in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_training_ends_with_a_word(
    number: signal.Signals, latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command, run again, does the remaining work without training."""
    flags = [*command(tmp_path, latin), "--test_files", latin.test]
    evaluate = training_module.evaluate_sets

    def send_signal(*args: object, **named: object) -> None:
        os.kill(os.getpid(), number)
        pytest.fail("the signal is handled")

    monkeypatch.setattr(training_module, "evaluate_sets", send_signal)
    result = run_command("train", *flags)
    log = result.stdout + result.stderr
    assert result.returncode == 128 + number
    assert "Stopped after training, which is finished and saved" in log
    assert "Run the same command again for the remaining work" in log
    before = CheckpointFolder(tmp_path).read("last")
    monkeypatch.setattr(training_module, "evaluate_sets", evaluate)
    result = run_command("train", *flags)
    log = result.stdout + result.stderr
    assert result.returncode == 0
    assert "its training is finished" in log
    assert "Finished training epoch" not in log
    assert "Test on" in result.stdout
    after = CheckpointFolder(tmp_path).read("last")
    assert before is not None
    assert after is not None
    assert before.run == after.run


def test_two_runs_do_not_share_a_folder(latin: ToneCorpus, tmp_path: Path) -> None:
    flags = command(tmp_path, latin)
    with locked(tmp_path):
        result = run_command("train", *flags)
    assert result.returncode == 2
    assert f"is in use by another run, process {os.getpid()}" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_new_weights_are_asked_for_of_a_finished_command(latin: ToneCorpus, tmp_path: Path) -> None:
    flags = [*command(tmp_path, latin), "--load_train", "init", "--epochs", 1]
    first = run_command("train", *flags)
    again = run_command("train", *flags)
    assert first.returncode == again.returncode == 0
    log = again.stdout + again.stderr
    assert "Training from scratch, because --load_train init was given" in log
    last = CheckpointFolder(tmp_path).read("last")
    assert last is not None
    assert last.run is not None
    assert last.run["begun_step"] == 6
    assert [entry["source"] for entry in last.lineage] == [None]


def test_other_data_begins_a_new_run_and_says_why(
    latin: ToneCorpus, uninterrupted: Path, tmp_path: Path
) -> None:
    flags = command(tmp_path, latin)
    run_command("train", *flags, "--epochs", 1, "--checkpoint_secs", 0)
    folder = CheckpointFolder(tmp_path)
    before = folder.read("last")
    assert before is not None
    flags[3] = latin.dev
    result = run_command("train", *flags)
    assert result.returncode == 0, result.stderr
    assert "the training data changed" in result.stderr
    assert "--run continue" in result.stderr
    after = folder.read("last")
    assert after is not None
    assert after.run is not None
    assert after.run["begun_step"] == before.step
    assert len(after.lineage) == 2


def test_a_finished_run_goes_on_where_asked_to(latin: ToneCorpus, tmp_path: Path) -> None:
    flags = command(tmp_path, latin)
    assert run_command("train", *flags).returncode == 0
    result = run_command("train", *flags, "--epochs", EPOCHS + 1, "--run", "continue")
    assert result.returncode == 0, result.stderr
    assert f"Finished training epoch {EPOCHS} " in result.stderr
    assert "Flag changed since this run was last saved: --epochs 3 -> 4" in result.stderr
    last = CheckpointFolder(tmp_path).read("last")
    assert last is not None
    assert last.step == 6 * (EPOCHS + 1)
