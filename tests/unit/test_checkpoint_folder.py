"""Checkpoint folders: files that a run records, owns and removes, and errors on a full disk."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checkpoints import folder as folder_module
from coqui_stt_training.checkpoints.conversion import convert
from coqui_stt_training.checkpoints.file import Checkpoint, read_checkpoint, write_checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.checkpoints.run_record import RECORD, RunRecord, read_record, write_record
from coqui_stt_training.checkpoints.source import AdamState
from coqui_stt_training.checkpoints.state_file import read_state
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.training.progress import Progress
from stt.frontends.mfcc_config import FeatureConfig
from tensorflow_bundle_writer import random_tensors
from tensorflow_bundle_writer import write_checkpoint as write_tensorflow_checkpoint

NEW = RunRecord({}, begun_step=10)


def checkpoint(step: int, value: float = 1.0) -> Checkpoint:
    geometry = Geometry(n_hidden=2, n_classes=3)
    tensors = {
        name: np.full(shape, value, np.float32) for name, shape in geometry.tensor_shapes().items()
    }
    run = Progress({}, begun_step=10, step=step, learning_rate=0.001).as_json()
    return Checkpoint(geometry, Alphabet.from_labels("ab"), FeatureConfig(), tensors, step, run=run)


def write_last(folder: CheckpointFolder, step: int, record: RunRecord, **also: Any) -> RunRecord:
    name, noted = folder.write("last", checkpoint(step), record)
    return folder.record(replace(noted, last=(*record.last, name), **also))


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.glob("*.safetensors")}


@pytest.mark.parametrize(
    ("lasts", "best", "left", "remedy"),
    [
        ((), 0, "this run has no checkpoint yet", "to begin anew"),
        ((), 12, "this run has best_dev-12.safetensors", "begins the run once more"),
        (
            (14,),
            12,
            "checkpoints saved before are intact: train-14.safetensors, best_dev-12.safetensors",
            "run the same command again to go on from train-14.safetensors",
        ),
    ],
)
def test_a_full_disk_is_told_with_what_is_on_it(
    lasts: tuple[int, ...],
    best: int,
    left: str,
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = CheckpointFolder(tmp_path)
    record, name = NEW, None
    if best:
        name, record = folder.write("best", checkpoint(best), record)
    for step in lasts:
        record = write_last(folder, step, record, best=name)

    def refuse(path: Path, checkpoint: Checkpoint) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(folder_module, "write_checkpoint", refuse)
    with pytest.raises(CheckpointError) as caught:
        folder.write("last", checkpoint(16), record)
    message = str(caught.value)
    assert "train-16.safetensors cannot be written (No space left on device)" in message
    assert left in message
    assert remedy in message


def test_only_files_of_the_run_are_removed_and_never_the_newest(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    for step in (5, 99):  # files of another run, and of a user
        write_checkpoint(tmp_path / f"train-{step}.safetensors", checkpoint(step))
    record = folder.take_over(NEW)
    for step in (11, 12, 13):
        record = write_last(folder, step, replace(record, last=record.last[-1:]))
    assert names(tmp_path) == {f"train-{step}.safetensors" for step in (5, 99, 12, 13)}
    assert folder.newest_of_ours("last") == tmp_path / "train-13.safetensors"


def test_what_was_written_and_not_recorded_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    record = folder.take_over(NEW)
    folder.write("best", checkpoint(12), record)
    assert folder.newest_of_ours("best") is None
    assert folder.highest_step() == 0
    with pytest.raises(CheckpointError, match="contains no checkpoint"):
        load_source(tmp_path)
    folder.take_over(NEW)
    assert names(tmp_path) == set()


def test_a_name_that_is_taken_by_another_s_file_is_not_used(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    write_checkpoint(tmp_path / "train-10.safetensors", checkpoint(10, 5.0))
    record = write_last(folder, 10, folder.take_over(NEW))
    assert record.last == ("train-10.2.safetensors",)
    assert read_checkpoint(tmp_path / "train-10.safetensors").tensors["layer_1.bias"][0] == 5.0
    assert folder.highest_step() == 10


def test_the_model_from_before_is_the_folder_s_until_a_run_has_one(tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.save("best", replace(checkpoint(5), run=None))
    folder.save("last", replace(checkpoint(6), run=None))
    record = folder.take_over(replace(NEW, before=folder.models_before()))
    assert load_source(tmp_path).step == 5
    best, record = folder.write("best", checkpoint(12), record)
    assert load_source(tmp_path).step == 5
    write_last(folder, 13, record, best=best)
    assert (load_source(tmp_path).step, load_source(tmp_path, "last").step) == (12, 13)
    assert read_state(tmp_path / "checkpoint")[0] == "train-13.safetensors"
    assert read_state(tmp_path / "best_dev_checkpoint")[0] == "best_dev-12.safetensors"


def test_upstream_can_still_read_its_own_folder(tmp_path: Path) -> None:
    write_tensorflow_checkpoint(tmp_path, random_tensors(2, 3, layer_norm=False))
    state_file = next(
        file for file in (tmp_path / "best_dev_checkpoint", tmp_path / "checkpoint")
        if file.exists()
    )  # fmt: skip
    before = state_file.read_text()
    folder = CheckpointFolder(tmp_path)
    record = folder.take_over(replace(NEW, before=folder.models_before()))
    best, record = folder.write("best", checkpoint(52), record)
    write_last(folder, 53, record, best=best)
    assert state_file.read_text() == before
    assert load_source(tmp_path).step == 52


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"last": ["../../etc/passwd"]}, "not the name of a file"),
        ({"files": ["a/b"]}, "not the name of a file"),
        ({"best": ""}, "not the name of a file"),
        ({"before": {"best": 3}}, "not the name of a file"),
        ({"phase": "resting"}, "phase 'resting'"),
        ({"begun_step": "many"}, "begun_step 'many'"),
        ({"identity": []}, "identity"),
        ({"source": None}, "source"),
        ({"last": 3}, "TypeError"),
        ({"before": []}, "before"),
        ({"finished": 3}, "finished"),
    ],
)
def test_a_damaged_record_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    kept = json.loads(json.dumps(asdict(NEW))) | change
    (tmp_path / RECORD).write_text(json.dumps(kept))
    with pytest.raises(CheckpointError, match=r"run\.json is damaged") as caught:
        read_record(tmp_path)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", "[" * 100000, "\xff", '{"last": 1}'])
def test_a_record_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"run\.json is damaged"):
        read_record(tmp_path)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    record = RunRecord(
        {"train": ["ab", 0]}, 7, "old", False, True, "evaluating", "enough", ("a", "b"), "c",
        ("a", "b", "c"), {"last": "d"},
    )  # fmt: skip
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


def test_layers_that_were_never_trained_take_no_room_for_an_optimizer(tmp_path: Path) -> None:
    whole = checkpoint(12)
    frozen = {name for name in whole.tensors if name.startswith(("layer_1", "lstm"))}
    ones = dict(whole.tensors)
    zeros = {name: np.zeros_like(tensor) for name, tensor in ones.items()}
    moments = {name: (zeros if name in frozen else ones)[name] for name in ones}
    steps = {name: 0 if name in frozen else 3 for name in ones}
    average = {name: tensor + (name not in frozen) for name, tensor in ones.items()}
    adam = AdamState(moments, moments, 3, steps)
    written = replace(whole, adam=adam, average=average)
    write_checkpoint(tmp_path / "frozen.safetensors", written)
    write_checkpoint(tmp_path / "weights.safetensors", whole)
    trained = sum(tensor.nbytes for name, tensor in ones.items() if name not in frozen)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("frozen", "weights")]
    assert sizes[0] - sizes[1] < 3 * trained + 4000
    again = read_checkpoint(tmp_path / "frozen.safetensors")
    assert again.average is not None
    assert again.adam is not None
    for name in ones:
        np.testing.assert_array_equal(again.average[name], average[name])
        np.testing.assert_array_equal(again.adam.second_moments[name], moments[name])
    assert again.adam.tensor_steps == steps


def test_converting_writes_one_file_that_is_best_and_last(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model.safetensors", checkpoint(12))
    path, _ = convert(tmp_path / "model.safetensors", tmp_path / "new")
    assert names(tmp_path / "new") == {path.name}
    for which in ("best", "last"):
        assert load_source(tmp_path / "new", which).path == path  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("named", "missing"),
    [("best_dev-6.safetensors", "best_dev-6.safetensors"), ("best_dev-6", "best_dev-6.index")],
)
def test_a_checkpoint_that_a_folder_names_and_lacks_is_said_to_be_missing(
    named: str, missing: str, tmp_path: Path
) -> None:
    (tmp_path / "best_dev_checkpoint").write_text(f'model_checkpoint_path: "{named}"\n')
    write_checkpoint(tmp_path / "train-9.safetensors", checkpoint(9))
    with pytest.raises(CheckpointError) as caught:
        load_source(tmp_path)
    assert f"there is no {missing} beside it (checkpoints there: train-9.safe" in str(caught.value)


def test_what_stays_in_the_file_is_the_same_and_does_not_change_it(tmp_path: Path) -> None:
    path = tmp_path / "train-10.safetensors"
    written = checkpoint(10, 5.0)
    moments = AdamState(written.tensors, {**written.tensors}, 10)
    write_checkpoint(path, replace(written, adam=moments))
    content = path.read_bytes()
    read, mapped = read_checkpoint(path), read_checkpoint(path, mapped=True)
    assert read.adam is not None
    assert mapped.adam is not None
    for ours, theirs in (
        (mapped.tensors, read.tensors), (mapped.adam.second_moments, read.adam.second_moments),
    ):  # fmt: skip
        assert ours.keys() == theirs.keys()
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name])
            values[:] = 7.0
    assert path.read_bytes() == content
    path.write_bytes(content[:-8])
    with pytest.raises(CheckpointError, match=r"train-10.safetensors: .*truncated or damaged"):
        read_checkpoint(path, mapped=True)
