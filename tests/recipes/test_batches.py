"""Batches by seconds, and steps over several batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from command_runner import run_command
from coqui_stt_training.checkpoints.folder import CheckpointFolder

from .conftest import ToneCorpus

FLAGS = ("--n_hidden", 32, "--dropout_rate", 0, "--intra_op_parallelism_threads", 1)


def trained(folder: Path, corpus: ToneCorpus, *flags: object) -> dict[str, np.ndarray]:
    result = run_command(
        "train", "--checkpoint_dir", folder, "--train_files", corpus.train, *FLAGS, *flags
    )
    assert result.returncode == 0, result.stderr
    checkpoint = CheckpointFolder(folder).read("last")
    assert checkpoint is not None
    assert checkpoint.run is not None
    return {**checkpoint.tensors, "step": np.array(checkpoint.step)}


def test_accumulated_gradients_are_those_of_the_large_batch(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    """One Adam step per epoch on 24 clips: in one batch of 24, or accumulated over 5 of up to 5."""
    large = trained(tmp_path / "large", latin, "--train_batch_size", 24, "--epochs", 3)
    small = trained(
        tmp_path / "small", latin, "--train_batch_size", 5, "--epochs", 3,
        "--gradient_accumulation_steps", 5,
    )  # fmt: skip
    assert large["step"] == small["step"] == 3
    moved = trained(tmp_path / "other", latin, "--train_batch_size", 5, "--epochs", 3)
    assert moved["step"] == 15
    for name, tensor in large.items():
        # Adam divides by the root of the squared gradient, which enlarges rounding errors of tiny
        # gradients.
        assert np.abs(tensor - small[name]).max() <= 3e-4, name
    assert max(np.abs(tensor - moved[name]).max() for name, tensor in large.items()) > 3e-3


@pytest.mark.parametrize("seconds", [3, 6])
def test_batches_by_seconds(seconds: int, latin: ToneCorpus, tmp_path: Path) -> None:
    result = run_command(
        "train", "--checkpoint_dir", tmp_path, "--train_files", latin.train, "--dev_files",
        latin.dev, *FLAGS, "--epochs", 1, "--train_batch_seconds", seconds, "--dev_batch_seconds",
        seconds,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    # Clips last 0.5 to 1 s.
    (training,) = (line for line in result.stderr.splitlines() if "Training on" in line)
    count = int(training.split(" in ")[-1].split()[0])
    assert 24 * 0.54 / seconds <= count <= 24 / (seconds // 1.1)
