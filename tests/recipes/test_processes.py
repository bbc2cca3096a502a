"""Several processes that are one run do what one process does, and tell and write it once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from command_runner import run_command
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from processes import run_command_together

from .conftest import SMALL, ToneCorpus

# 24 clips in 8 batches of 3, 6 to validate in 3 of 2: neither comes out even with all numbers.
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
    assert_alike(last(alone), last(shared), 1e-5)
    histories = [last(folder).run["history"] for folder in (alone, shared)]  # type: ignore[index]
    assert len(histories[0]) == 2
    for ours, theirs in zip(*histories, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
