"""The commands on checkpoints that upstream trained."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import run_command
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.models.deepspeech.weights import to_upstream

from . import ORACLE, REFERENCES, needs_oracle

pytestmark = needs_oracle
TEXT = "she had your dark suit in greasy wash water all year"


@pytest.fixture
def clip_csv(tmp_path: Path) -> Path:
    """Return a CSV file of the clip of upstream's recorded steps, scaled as in training."""
    samples = np.load(REFERENCES / "cpu_n64__LDC93S1.npz")["samples"]
    soundfile.write(tmp_path / "clip.wav", samples / 32767, 16000, subtype="FLOAT")
    path = tmp_path / "clip.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("wav_filename", "transcript"), ("clip.wav", TEXT)])
    return path


@pytest.mark.parametrize("name", ["cpu_n64", "bytes_n64"])
def test_a_run_of_upstreams_goes_on_with_its_own_steps(
    name: str, clip_csv: Path, tmp_path: Path
) -> None:
    target = tmp_path / "model"
    result = run_command(
        "train", "--load_checkpoint_dir", ORACLE / "ckpt" / name, "--save_checkpoint_dir", target,
        "--run", "continue", "--train_files", clip_csv, "--epochs", 5, "--dropout_rate", 0,
        "--average_weights", "false",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "with its optimizer state and learning rate" in result.stderr
    reference = np.load(REFERENCES / f"{name}__train5.npz")
    source = load_source(target, "last", with_adam=True)
    assert source.step == int(reference["after5:global_step"])
    assert source.adam is not None
    assert source.adam.step == source.step
    for key, tensor in to_upstream(source.tensors).items():
        difference = np.abs(tensor - reference[f"after5:{key}"])
        assert np.quantile(difference, 0.99) < 1e-3, key


@pytest.mark.parametrize("name", ["cpu_n64", "cudnn_n64", "bytes_n64"])
def test_evaluating_upstreams_best_checkpoint(name: str, clip_csv: Path) -> None:
    result = run_command(
        "evaluate", "--checkpoint_dir", ORACLE / "ckpt" / name, "--test_files", clip_csv,
        "--train_cudnn", "true",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    reference = np.load(REFERENCES / f"{name}__LDC93S1.npz")
    expected = float(reference["ctc_loss_train_features"].reshape(-1)[0])
    line = next(line for line in result.stdout.splitlines() if "loss: " in line)
    shown = float(line.split("loss: ")[1])
    assert shown == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_fine_tuning_in_upstreams_own_folder_leaves_its_files_alone(
    clip_csv: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "upstream"
    folder.mkdir()
    before = {}
    for file in (ORACLE / "ckpt/cpu_n64").iterdir():
        before[file.name] = file.read_bytes()
        (folder / file.name).write_bytes(before[file.name])
    result = run_command(
        "train", "--checkpoint_dir", folder, "--train_files", clip_csv, "--epochs", 1
    )
    assert result.returncode == 0, result.stderr
    for name, content in before.items():
        if name not in ("checkpoint", "best_dev_checkpoint"):
            assert (folder / name).read_bytes() == content
    assert load_source(folder, "last").format == "coqui-stt"
    assert load_source(folder, "best").path.name == "best_dev-300"
    assert load_source(folder / "train-303").format == "tensorflow-1"
    assert load_source(folder).path.name.startswith("train-3")
    assert load_source(folder).format == "coqui-stt"
