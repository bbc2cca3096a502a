"""Processes with sharded weights compute what one process with all weights computes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch.distributed.fsdp  # noqa: F401 - once here, and not in each process that is forked

from command_runner import run_command
from encoder_folders import write_whisper
from processes import run_command_together, run_together

from .conftest import SMALL, ToneCorpus
from .test_processes import (
    FLAGS,
    assert_alike,
    last,
    run_that_is_cut,
    steps_of_six_batches,
)

SHARED_OUT = ("--shard_weights", "true")


@pytest.mark.parametrize(("size", "batch"), [(3, 3), (4, 5)], ids=["3", "4"])
def test_the_run_is_that_of_one_process(
    size: int, batch: int, latin: ToneCorpus, tmp_path: Path
) -> None:
    """The batches do not divide evenly, so some processes also run another's batch."""
    flags = [*latin.flags, *FLAGS, "--train_batch_size", batch, "--epochs", 1]
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    one = run_command(
        "train", "--checkpoint_dir", alone, *flags, "--gradient_accumulation_steps", size
    )
    results = run_command_together(size, "train", "--checkpoint_dir", shared, *flags, *SHARED_OUT)
    assert [result.returncode for result in [one, *results]] == [0] * (size + 1), results[0].stderr
    assert [result.stderr for result in results[1:]] == [""] * (size - 1)
    assert_alike(last(alone), last(shared), 1e-5)
    assert results[0].stdout.count("Test on") == 1
    assert f"{size} processes train together, with sharded weights" in results[0].stdout
    (theirs,), (ours,) = (last(folder).run["history"] for folder in (alone, shared))  # type: ignore[index]
    assert ours == pytest.approx(theirs, rel=1e-4)
    assert sorted(path.name for path in shared.iterdir()) == sorted(
        path.name for path in alone.iterdir()
    )


def test_layers_are_unfrozen_and_drawn_back_to_the_source(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    encoder = write_whisper(tmp_path / "whisper")
    flags = ["--load_checkpoint_dir", encoder, "--alphabet_config_path", latin.alphabet,
             "--train_files", latin.train, "--dev_files", latin.dev, *SMALL[2:], "--recipe", "none",
             "--freeze_source_layers", 3, "--unfreeze_after_epochs", 1, "--dropout_rate", 0,
             "--optimizer", "adamw", "--source_weight_decay", 0.1, "--gradient_clipping", 1,
             "--intermediate_ctc_weight", 0.3, "--epochs", 2, "--train_batch_size", 5]  # fmt: skip
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    one = run_command("train", "--save_checkpoint_dir", alone, *flags,
                      "--gradient_accumulation_steps", 2)  # fmt: skip
    results = run_command_together(2, "train", "--save_checkpoint_dir", shared, *flags, *SHARED_OUT)
    assert [result.returncode for result in [one, *results]] == [0, 0, 0], results[0].stderr
    assert_alike(last(alone), last(shared), 2e-5)
    steps = [last(folder).adam.tensor_steps for folder in (alone, shared)]  # type: ignore[union-attr]
    assert steps[0] == steps[1]


def test_a_run_that_was_cut_goes_on_also_in_one_process(latin: ToneCorpus, tmp_path: Path) -> None:
    """A process dies within an epoch; resuming with as many processes gives the same bits."""
    whole, cut, alone = tmp_path / "whole", tmp_path / "cut", tmp_path / "alone"

    def flags(folder: Path, size: int) -> list[object]:
        return [*steps_of_six_batches(latin, folder, size), "--epochs", 2, *SHARED_OUT]

    run_command_together(2, "train", *flags(whole, 2))
    (left,) = run_together(
        2, lambda rank: run_that_is_cut(*flags(cut, 2), dies=rank == 1), may_die=True
    )
    assert left.returncode == 2
    assert "error: another process of the run has exited" in left.stderr
    shutil.copytree(cut, alone)
    results = run_command_together(2, "train", *flags(cut, 2))
    one = run_command("train", *flags(alone, 1))
    assert {result.returncode for result in (*results, one)} == {0}, results[0].stderr
    assert "Continuing the run" in results[0].stdout
    assert "--shard_weights has no effect with one process" in one.stderr
    assert_alike(last(whole), last(cut), 0.0)
    assert_alike(last(whole), last(alone), 1e-5)


def test_what_does_not_go_with_it_is_refused(latin: ToneCorpus, tmp_path: Path) -> None:
    result = run_command(
        "train", "--checkpoint_dir", tmp_path, *latin.flags, "--unlabelled_files", latin.test,
        "--epochs", 3, *SHARED_OUT,
    )  # fmt: skip
    assert result.returncode == 2
    assert "error: --shard_weights cannot be combined with --unlabelled_files" in result.stderr
