"""Checkpoints of ours whose description was changed, by a person or a bad disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checkpoints.file import (
    FORMAT,
    Checkpoint,
    read_checkpoint,
    write_checkpoint,
)
from coqui_stt_training.checkpoints.recognise import (
    BOOTSTRAP_RECORD,
    find_checkpoints,
    is_vacant,
)
from coqui_stt_training.checkpoints.run_record import (
    RECORD,
    RunRecord,
    read_record,
    write_record,
)
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from stt.frontends.mfcc_config import FeatureConfig

GEOMETRY = Geometry(n_hidden=2, n_classes=3)


def write_changed(path: Path, **changes: Any) -> Path:
    """Write a valid checkpoint, then replace values of its description."""
    tensors = {
        name: np.zeros(shape, np.float32) for name, shape in GEOMETRY.tensor_shapes().items()
    }
    write_checkpoint(
        path, Checkpoint(GEOMETRY, Alphabet.from_labels("ab"), FeatureConfig(), tensors)
    )
    from safetensors import safe_open

    with safe_open(path, framework="np") as opened:
        content = json.loads(opened.metadata()["content"])
    described = json.dumps({**content, **changes})
    save_file(load_file(path), path, {"format": FORMAT, "content": described})
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"features": {"kind": "mfcc", "window_milliseconds": -2}},
        {"features": {"kind": "mfcc", "window_milliseconds": "32"}},
        {"features": {"kind": "cepstrum"}},
        {"features": []},
        {"specification": {"architecture": "perceptron"}},
        {"specification": {"architecture": ["whisper"]}},
        {"specification": {"architecture": "whisper", "width": 7}},
        {"specification": {"n_hidden": 2}},
        {"specification": None},
        {"lineage": {"plan": []}},
        {"lineage": [{"begun": "today"}]},
        {"lineage": [{"plan": [{"layer": "lstm"}]}]},
        {"lineage": [{"plan": [{"layer": "lstm", "action": "kept", "frozen_epochs": "few"}]}]},
        {"lineage": [{"plan": [{"layer": "a", "action": "kept", "learning_rate_factor": 0}]}]},
        {"run": 7},
        {"run": {"best_loss": "low"}},
        {"run": {"best_cer": True}},
        {"flags": ["epochs"]},
        {"step": "many"},
        {"alphabet": {"kind": "labels", "labels": [3]}},
        {"alphabet": {"kind": "runes"}},
        {"version": "newest"},
    ],
    ids=str,
)
def test_a_malformed_description_is_an_error_that_names_the_file(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    path = write_changed(tmp_path / "train-1.safetensors", **changes)
    with pytest.raises(CheckpointError, match=r"train-1.safetensors: .*(malformed|do not go with)"):
        read_checkpoint(path)


def test_names_of_files_lead_to_no_other_folder(tmp_path: Path) -> None:
    write_changed(tmp_path / "train-1.safetensors")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / BOOTSTRAP_RECORD).write_text('{"stages": {"train": {"found": {"folder": ".."}}}}')
    assert find_checkpoints(folder) == folder
    write_record(folder, RunRecord({}, begun_step=1))
    for name in ("..", "../train-1.safetensors", "", "a\0b", 3):
        record = json.loads((folder / RECORD).read_text())
        (folder / RECORD).write_text(json.dumps({**record, "best": name}))
        with pytest.raises(CheckpointError, match=r"is not the name of a file in the folder"):
            read_record(folder)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    name = tmp_path / ("x" * 300)  # too long for any file system
    with pytest.raises(CheckpointError, match=r"x cannot be read \(File name too long\)"):
        is_vacant(name)


def test_a_later_version_says_so(tmp_path: Path) -> None:
    path = write_changed(tmp_path / "train-1.safetensors", version=99)
    with pytest.raises(CheckpointError, match="written by a later release"):
        read_checkpoint(path)


def test_version_1_is_read(tmp_path: Path) -> None:
    geometry = {
        "n_hidden": 2,
        "n_classes": 3,
        "layer_norm": False,
        "n_context": 9,
        "relu_clip": 20.0,
    }
    features = {"sample_rate_hz": 8000, "window_milliseconds": 32, "step_milliseconds": 20}
    path = write_changed(
        tmp_path / "train-1.safetensors", version=1, geometry=geometry, features=features,
        specification=None,
    )  # fmt: skip
    checkpoint = read_checkpoint(path)
    assert checkpoint.specification == GEOMETRY
    assert checkpoint.features == FeatureConfig(8000)
