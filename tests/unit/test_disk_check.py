"""The check before training that the checkpoints of a run fit on the disk."""

from __future__ import annotations

import logging
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from coqui_stt_training.errors import TrainingError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.models.specification import parameter_count
from coqui_stt_training.training.disk_check import (
    CheckpointSizes,
    check_disk_space,
    checkpoint_sizes,
)

GEOMETRY = Geometry(n_hidden=100, n_classes=29)
SIZES = CheckpointSizes(last_bytes=1_000_000_000, best_bytes=300_000_000)
Usage = namedtuple("Usage", "total used free")


def with_free(monkeypatch: pytest.MonkeyPatch, free_bytes: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free_bytes))


def test_a_checkpoint_to_continue_from_has_the_optimizer_s_state_too() -> None:
    weights = 4 * parameter_count(GEOMETRY)
    assert checkpoint_sizes(GEOMETRY, (), averages=False) == (3 * weights, weights)
    assert checkpoint_sizes(GEOMETRY, (), averages=True) == (4 * weights, weights)
    assert checkpoint_sizes(GEOMETRY, GEOMETRY.layers, averages=False) == (weights, weights)


def test_too_little_room_ends_the_run_before_it_begins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_free(monkeypatch, 2_500_000_000)
    with pytest.raises(
        TrainingError, match=r"2\.5 GB are free, but .* about 1\.0 GB each"
    ) as caught:
        check_disk_space(tmp_path / "new" / "model", SIZES, 5)
    assert "--save_checkpoint_dir" in str(caught.value)


def test_a_warning_says_how_many_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with_free(monkeypatch, 3_700_000_000)
    with caplog.at_level(logging.WARNING):
        check_disk_space(tmp_path, SIZES, 5)
    assert "--max_to_keep 2" in caplog.text
    caplog.clear()
    check_disk_space(tmp_path, SIZES, 2)
    assert not caplog.text


def test_checkpoints_that_are_there_make_room(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sizes = CheckpointSizes(last_bytes=1000, best_bytes=300)
    with_free(monkeypatch, 2000)
    for step in (1, 2, 3, 4, 5):
        (tmp_path / f"train-{step}.safetensors").write_bytes(bytes(1000))
    check_disk_space(tmp_path, sizes, 5)
    assert not caplog.text
