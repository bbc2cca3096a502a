"""Training on one clip from new weights, as upstream's smoke test does.

The random output of the first epoch must not remain the best checkpoint.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from command_runner import run_command
from coqui_stt_training.checkpoints.folder import CheckpointFolder

from . import ORACLE, needs_oracle

pytestmark = needs_oracle
TEXT = "she had your dark suit in greasy wash water all year"


@pytest.mark.parametrize("mode", ["--nobytes_output_mode", "--bytes_output_mode"])
def test_one_clip_from_new_weights(mode: str, tmp_path: Path) -> None:
    """The first epoch's random output has a CER of 0.98 or less; from the third epoch it is 1."""
    rows = tmp_path / "clip.csv"
    with rows.open("w", newline="") as file:
        csv.writer(file).writerows(
            [("wav_filename", "transcript"), (ORACLE / "wav/LDC93S1.wav", TEXT)]
        )
    result = run_command(
        "train", "--checkpoint_dir", tmp_path / "model", "--train_files", rows, "--dev_files", rows,
        "--n_hidden", 100, "--epochs", 8, "--intra_op_parallelism_threads", 1, mode,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    first, *later = (
        float(line.split("CER: ")[1].split(",")[0])
        for line in result.stderr.splitlines()
        if "CER: " in line
    )
    assert first < min(later[1:])
    last = CheckpointFolder(tmp_path / "model").read("last")
    assert last is not None
    assert last.run is not None
    assert last.run["best_loss"] == last.run["best_dev_loss"]
    assert last.run["best_checkpoint"] != "best_dev-1.safetensors"
