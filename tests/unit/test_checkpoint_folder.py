"""A checkpoint folder on a disk that is full: the error says what is there and how to go on."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checkpoints import folder as folder_module
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.state_file import Kind
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.training.progress import Progress
from stt.frontends.mfcc import FeatureConfig


def checkpoint(step: int) -> Checkpoint:
    geometry = Geometry(n_hidden=2, n_classes=3)
    tensors = {name: np.ones(shape, np.float32) for name, shape in geometry.tensor_shapes().items()}
    run = Progress({}, begun_step=10, step=step, learning_rate=0.001).as_json()
    return Checkpoint(geometry, Alphabet.from_labels("ab"), FeatureConfig(), tensors, step, run=run)


@pytest.mark.parametrize(
    ("saved", "left", "remedy"),
    [
        ((), "this run has no checkpoint yet", "to begin anew"),
        ((("last", 10),), "this run has no checkpoint yet", "to begin anew"),
        ((("last", 10), ("best", 12)), "this run has best_dev-12.safetensors", "begins a new run"),
        (
            (("best", 12), ("last", 14)),
            "checkpoints saved before are intact: train-14.safetensors, best_dev-12.safetensors",
            "run the same command again to go on from train-14.safetensors",
        ),
    ],
)
def test_a_full_disk_is_told_with_what_is_on_it(
    saved: tuple[tuple[Kind, int], ...],
    left: str,
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = CheckpointFolder(tmp_path)
    for kind, step in saved:
        folder.save(kind, checkpoint(step))

    def refuse(path: Path, checkpoint: Checkpoint) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(folder_module, "write_checkpoint", refuse)
    with pytest.raises(CheckpointError) as caught:
        folder.save("last", checkpoint(16))
    message = str(caught.value)
    assert "train-16.safetensors cannot be written (No space left on device)" in message
    assert left in message
    assert remedy in message
