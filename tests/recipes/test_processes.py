"""A run of several processes does what one process does, and logs and writes everything once."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from command_runner import Result, run_command
from coqui_stt_training.batches.batch import Batch
from coqui_stt_training.batches.training_pipeline import Step
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.folder_lock import LOCK
from coqui_stt_training.models.acoustic_model import Emissions
from coqui_stt_training.training import trainer as trainer_module
from coqui_stt_training.training.objective import Objective
from encoder_folders import write_whisper
from processes import run_command_together, run_together

from .conftest import SMALL, ToneCorpus
from .test_encoders import FAST_CONFORMER, drawn

# 24 training clips in 8 batches of 3, and 6 validation clips in 3 batches of 2: not every number of
# processes divides these.
FLAGS = (*SMALL, "--train_batch_size", 3, "--dev_batch_size", 2, "--test_batch_size", 2,
         "--shuffle_batches", "true", "--augment", "speed[p=0.5]", "specaugment",
         "--gradient_clipping", 20, "--entropy_weight", 0.01, "--consistency_weight", 0.1,
         "--dropout_rate", 0.1)  # fmt: skip


def last(folder: Path) -> Checkpoint:
    found = CheckpointFolder(folder).read("last")
    assert found is not None
    return found


def assert_alike(one: Checkpoint, other: Checkpoint, tolerance: float) -> None:
    for ours, theirs in ((one.tensors, other.tensors), (one.average, other.average)):
        assert ours is not None
        assert theirs is not None
        for name, tensor in ours.items():
            np.testing.assert_allclose(tensor, theirs[name], rtol=0, atol=tolerance)


@pytest.mark.parametrize("size", [2, 3])
def test_processes_do_what_one_does_that_adds_up_gradients(
    size: int, latin: ToneCorpus, tmp_path: Path
) -> None:
    flags = [*latin.flags, *FLAGS, "--epochs", 2]
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    one = run_command(
        "train", "--checkpoint_dir", alone, *flags, "--gradient_accumulation_steps", size
    )
    results = run_command_together(size, "train", "--checkpoint_dir", shared, *flags)
    assert [result.returncode for result in [one, *results]] == [0] * (size + 1), results[0].stderr
    assert [result.stderr for result in results[1:]] == [""] * (size - 1)
    for line in ("STARTING Optimization", "Test on"):
        assert results[0].stdout.count(line) == 1
    assert sorted(path.name for path in shared.iterdir()) == sorted(
        path.name for path in alone.iterdir()
    )
    assert_alike(last(alone), last(shared), 0.0 if size == 2 else 1e-5)  # a + b equals b + a
    histories = [last(folder).run["history"] for folder in (alone, shared)]  # type: ignore[index]
    assert len(histories[0]) == 2
    for ours, theirs in zip(*histories, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize(
    "kind",
    [
        ("--freeze_source_layers", "3", "--unfreeze_after_epochs", "1", "--dropout_rate", "0"),
        ("--adapter", "lora:rank=2", "--optimizer", "adamw", "--warmup_steps", "4"),
    ],
    ids=["unfreezing", "lora"],
)
def test_encoders_are_trained_in_processes_as_in_one(
    kind: tuple[str, ...], latin: ToneCorpus, tmp_path: Path
) -> None:
    """Layers are unfrozen in the run, adapters train few weights, one process has fewer clips."""
    encoder = write_whisper(tmp_path / "whisper")
    flags = ["--load_checkpoint_dir", encoder, "--alphabet_config_path", latin.alphabet,
             "--train_files", latin.train, "--dev_files", latin.dev, *SMALL[2:], *kind,
             "--recipe", "none", "--epochs", 2, "--train_batch_size", 5]  # fmt: skip
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    one = run_command("train", "--save_checkpoint_dir", alone, *flags,
                      "--gradient_accumulation_steps", 2)  # fmt: skip
    results = run_command_together(2, "train", "--save_checkpoint_dir", shared, *flags)
    assert [result.returncode for result in [one, *results]] == [0, 0, 0], results[0].stderr
    assert_alike(last(alone), last(shared), 2e-5)
    steps = [last(folder).adam.tensor_steps for folder in (alone, shared)]  # type: ignore[union-attr]
    assert steps[0] == steps[1]


def test_statistics_over_batches_are_the_mean_of_those_of_processes(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    """One step of a Conformer with batch normalisation, with one batch in each process."""
    conformer = drawn(FAST_CONFORMER, latin, tmp_path)
    flags = ["--load_checkpoint_dir", conformer, "--train_files", latin.train, *SMALL[2:],
             "--recipe", "none", "--epochs", 1, "--freeze_source_layers", 2,
             "--average_weights", "false"]  # fmt: skip

    def statistics(name: str, size: int, *more: object) -> np.ndarray:
        folder = tmp_path / name
        results = run_command_together(
            size, "train", "--save_checkpoint_dir", folder, *flags, *more
        )
        assert {result.returncode for result in results} == {0}, results[0].stderr
        found: np.ndarray = last(folder).tensors["block_2.convolution.norm.running_mean"]
        return found

    shared = statistics("shared", 2, "--train_batch_size", 12)
    first = statistics("first", 1, "--train_batch_size", 12, "--limit_train", 12)
    both = statistics("both", 1, "--train_batch_size", 12, "--gradient_accumulation_steps", 2)
    second = (both - 0.9 * first) / 0.1  # 10 times the running mean of the second batch alone
    np.testing.assert_allclose(shared, (first + 0.1 * second) / 2, rtol=1e-3, atol=1e-6)


def test_evaluation_is_that_of_one_process(source: Path, latin: ToneCorpus, tmp_path: Path) -> None:
    def flags(name: str) -> list[object]:
        return ["--checkpoint_dir", source, "--test_files", latin.train, latin.test,
                "--test_batch_size", 4, "--test_output_file", tmp_path / name]  # fmt: skip

    alone = run_command("evaluate", *flags("alone.json"))
    shared = run_command_together(2, "evaluate", *flags("shared.json"))
    assert [alone.returncode, *(result.returncode for result in shared)] == [0, 0, 0]
    assert reports(alone.stdout) == reports(shared[0].stdout)
    assert shared[1].stderr == ""
    assert (tmp_path / "alone.json").read_text() == (tmp_path / "shared.json").read_text()


def reports(log: str) -> str:
    assert "Test on" in log
    return log[log.index("Test on") :].partition(" I Wrote")[0].rpartition("\n")[0]


def step_that(
    monkeypatch: pytest.MonkeyPatch, does: Callable[[trainer_module.Trainer], object]
) -> None:
    """Call a function before each training step."""
    take_step = trainer_module.Trainer._train_step

    def step(self: trainer_module.Trainer, step: Step) -> None:
        does(self)
        take_step(self, step)

    monkeypatch.setattr(trainer_module.Trainer, "_train_step", step)


def steps_of_six_batches(corpus: ToneCorpus, folder: Path, size: int) -> list[object]:
    """Return flags of a run in which a step has six batches for any number of processes."""
    return ["--checkpoint_dir", folder, "--train_files", corpus.train, "--dev_files", corpus.dev,
            *FLAGS, "--train_batch_size", 2,
            "--gradient_accumulation_steps", 6 // size]  # fmt: skip


def run_that_is_cut(*flags: object, dies: bool) -> Result:
    """Train in one of several processes; save after three steps, and exit then if `dies`."""

    def save_or_die(trainer: trainer_module.Trainer) -> None:
        if trainer.progress.step == 3:
            trainer._save("last")
            if dies:
                os._exit(9)

    with pytest.MonkeyPatch.context() as patch:
        step_that(patch, save_or_die)
        return run_command("train", *flags)


@pytest.mark.parametrize("sizes", [(2, 2), (2, 1), (1, 3)])
def test_a_run_goes_on_also_with_other_processes(
    sizes: tuple[int, int], latin: ToneCorpus, tmp_path: Path
) -> None:
    """A process dies within an epoch; with the same number of processes, the run ends the same."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"

    def flags(folder: Path, size: int) -> list[object]:
        return [*steps_of_six_batches(latin, folder, size), "--epochs", 3]

    run_together(sizes[0], lambda rank: run_command("train", *flags(whole, sizes[0])))
    run_together(
        sizes[0],
        lambda rank: run_that_is_cut(*flags(cut, sizes[0]), dies=rank == sizes[0] - 1),
        may_die=True,
    )
    assert last(cut).step == 3
    assert last(cut).run["batch"] == 6  # type: ignore[index]
    results = run_command_together(sizes[1], "train", *flags(cut, sizes[1]))
    assert {result.returncode for result in results} == {0}, results[0].stderr
    assert "Continuing the run" in results[0].stdout
    note = f"continues with {sizes[1]}: a step now processes 6 batches"
    assert (note in results[0].stdout) == (sizes[0] != sizes[1])
    assert_alike(last(whole), last(cut), 0.0 if sizes[0] == sizes[1] else 1e-5)


@pytest.mark.parametrize("more", [(), ("--shard_weights", "true")], ids=["whole", "shared out"])
def test_a_loss_that_is_not_finite_in_one_process_is_a_step_left_out_by_all(
    more: tuple[str, ...], latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["--train_files", latin.train, *FLAGS, "--epochs", 2]
    losses_of = Objective.losses

    def losses(
        self: Objective, emissions: Sequence[Emissions], batch: Batch, inner: Sequence[Emissions]
    ) -> Tensor:
        bad = any(clip.source.endswith(":4") for clip in batch.clips)
        return losses_of(self, emissions, batch, inner) * (math.inf if bad else 1.0)

    monkeypatch.setattr(Objective, "losses", losses)
    results = [
        run_command("train", "--checkpoint_dir", tmp_path / "alone", *flags,
                    "--gradient_accumulation_steps", 2),
        *run_command_together(2, "train", "--checkpoint_dir", tmp_path / "shared", *flags, *more),
    ]  # fmt: skip
    assert [result.returncode for result in results] == [0, 0, 0], results[1].stderr
    for result in results[:2]:
        assert len(re.findall("skipping this step; files: .*train.csv:4", result.stderr)) == 2
    assert_alike(last(tmp_path / "alone"), last(tmp_path / "shared"), 1e-5)


def test_mistakes_are_said_once(latin: ToneCorpus, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("wav_filename,transcript\nnope.wav,ab\n", encoding="utf-8")
    for flags, said in (
        (["--train_files", bad], "nope.wav: no such file"),
        (["--train_files", latin.train, "--epochs", "many"], "--epochs"),
        (["--train_files", latin.train, "--scorer_path", "nope.scorer"], "nope.scorer"),
    ):
        results = run_command_together(2, "train", "--checkpoint_dir", tmp_path / "model", *flags)
        assert [result.returncode for result in results] == [2, 2]
        assert results[0].stderr.count("error:") == 1
        assert said in results[0].stderr
        assert results[1].stderr == ""


def test_processes_that_see_other_files_do_not_begin(latin: ToneCorpus, tmp_path: Path) -> None:
    other = tmp_path / "train.csv"
    shutil.copytree(latin.train.parent, tmp_path, dirs_exist_ok=True)
    other.write_text("".join(other.read_text().splitlines(keepends=True)[:-1]))
    files = [latin.train, other]

    def train(rank: int) -> Result:
        return run_command("train", "--checkpoint_dir", tmp_path / "model", "--train_files",
                           files[rank], *SMALL)  # fmt: skip

    first, second = run_together(2, train)
    assert (first.returncode, second.returncode) == (2, 2)
    assert re.search("process 1, on .*, has other clips to train on", first.stderr)
    assert not list((tmp_path / "model").glob("*.safetensors"))


def test_a_signal_to_one_process_stops_all_after_saving(latin: ToneCorpus, tmp_path: Path) -> None:
    def stopped(rank: int) -> Result:
        def send(trainer: trainer_module.Trainer) -> None:
            if trainer.progress.step == 5 and rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)

        with pytest.MonkeyPatch.context() as patch:
            step_that(patch, send)
            return run_command("train", "--checkpoint_dir", tmp_path, "--train_files", latin.train,
                               *SMALL, "--epochs", 1000)  # fmt: skip

    results = run_together(2, stopped)
    assert [result.returncode for result in results] == [128 + signal.SIGTERM] * 2
    assert results[0].stderr.count("everything is saved") == 1
    assert last(tmp_path).step == 6
    assert results[1].stderr == ""


@pytest.mark.slow
def test_torchrun_goes_on_after_a_process_was_killed(latin: ToneCorpus, tmp_path: Path) -> None:
    flags = ["--checkpoint_dir", tmp_path, "--train_files", latin.train, *SMALL, "--epochs", 30,
             "--skip_batch_test", "true"]  # fmt: skip
    run = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
         "--max-restarts", "1", "-m", "coqui_stt_training.train", *map(str, flags)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    deadline = time.monotonic() + 100
    while not (tmp_path / "checkpoint").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(json.loads((tmp_path / LOCK).read_bytes())["pid"], signal.SIGKILL)
    log, _ = run.communicate(timeout=200)
    assert run.returncode == 0, log
    assert "Continuing the run" in log
    assert len(last(tmp_path).run["history"]) == 30  # type: ignore[index]
