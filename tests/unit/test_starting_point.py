"""The start of a training command: it continues a run, fine-tunes, or starts from scratch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.run_record import Phase, RunRecord, write_record
from coqui_stt_training.cli.config import AlphabetFlags, CheckpointFlags
from coqui_stt_training.cli.data_flags import DataFlags
from coqui_stt_training.cli.training_flags import BootstrapFlags
from coqui_stt_training.errors import CheckpointError, CorpusError, FlagError
from coqui_stt_training.models.deepspeech.geometry import Geometry
from coqui_stt_training.runs.identity import run_identity
from coqui_stt_training.runs.starting_point import Start, describe_changes, find_start
from coqui_stt_training.training.progress import Progress
from stt.frontends.mfcc_config import FeatureConfig

NOTHING = BootstrapFlags()
DROP_ONE = BootstrapFlags(drop_source_layers=1)


@pytest.fixture
def data(tmp_path: Path) -> DataFlags:
    for name in ("train.csv", "other.csv"):
        (tmp_path / name).write_text(f"{name}\n")
    return DataFlags(train_files=(str(tmp_path / "train.csv"),))


def identity(data: DataFlags, flags: CheckpointFlags, bootstrap: BootstrapFlags) -> dict[str, Any]:
    return run_identity(data, AlphabetFlags(), flags, bootstrap)


def save_run(folder: Path, data: DataFlags, flags: CheckpointFlags,
             bootstrap: BootstrapFlags = NOTHING, finished: str = "", step: int = 7,
             record: RunRecord | None = None) -> None:  # fmt: skip
    """Write a run to a folder as training does; without `record`, as before records existed."""
    geometry = Geometry(n_hidden=2, n_classes=3)
    tensors = {name: np.ones(shape, np.float32) for name, shape in geometry.tensor_shapes().items()}
    progress = Progress(
        identity(data, flags, bootstrap), 0, step, 0.001, epoch=2, finished=finished
    )
    checkpoint = Checkpoint(
        geometry, Alphabet.from_labels("ab"), FeatureConfig(), tensors, step=step,
        run=progress.as_json(),
    )  # fmt: skip
    path = CheckpointFolder(folder).save("last", checkpoint)
    if record:
        write_record(folder, replace(record, last=(path.name,), files=(path.name,)))


def start(data: DataFlags, flags: CheckpointFlags, bootstrap: BootstrapFlags = NOTHING) -> Start:
    return find_start(flags, bootstrap, identity(data, flags, bootstrap))


def test_an_empty_folder_is_trained_from_scratch(tmp_path: Path, data: DataFlags) -> None:
    found = start(data, CheckpointFlags(checkpoint_dir=str(tmp_path / "new")))
    assert (found.continued, found.source) == (None, None)
    assert "Training from scratch" in found.reason


def test_the_same_command_continues_an_unfinished_run(tmp_path: Path, data: DataFlags) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    save_run(tmp_path / "run", data, flags)
    found = start(data, flags)
    assert found.continued is not None
    assert "from step 7, epoch 2" in found.reason
    assert "--run new" in found.reason


def test_the_same_command_on_a_finished_run_begins_from_its_result(
    tmp_path: Path, data: DataFlags
) -> None:
    flags = CheckpointFlags(load_checkpoint_dir=str(tmp_path / "source"),
                            save_checkpoint_dir=str(tmp_path / "run"))  # fmt: skip
    save_run(tmp_path / "source", data, flags)
    save_run(tmp_path / "run", data, flags, DROP_ONE, finished="all 3 epochs are done")
    found = start(data, flags, DROP_ONE)
    assert found.source is not None
    assert found.source.path.parent == tmp_path / "run"
    assert not found.drops_layers
    assert "all 3 epochs are done" in found.reason


@pytest.mark.parametrize("what", ["data", "bootstrap", "limit"])
def test_another_command_begins_anew_and_says_what_changed(
    tmp_path: Path, data: DataFlags, what: str
) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    save_run(tmp_path / "run", data, flags)
    other = {
        "data": replace(data, train_files=(str(tmp_path / "other.csv"),)),
        "limit": replace(data, limit_train=3),
    }
    found = start(other.get(what, data), flags, DROP_ONE if what == "bootstrap" else NOTHING)
    assert found.continued is None
    assert found.source is not None
    named = "the bootstrapping flags" if what == "bootstrap" else "the training data"
    assert f"{named}" in found.reason
    assert "--run continue" in found.reason


def test_a_file_s_name_does_not_matter_but_its_content(tmp_path: Path, data: DataFlags) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    save_run(tmp_path / "run", data, flags)
    moved = tmp_path / "moved.csv"
    Path(data.train_files[0]).rename(moved)
    assert start(replace(data, train_files=(str(moved),)), flags).continued is not None


def test_continue_and_new_are_obeyed(tmp_path: Path, data: DataFlags) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    save_run(tmp_path / "run", data, flags, finished="all 3 epochs are done")
    assert start(data, replace(flags, run="continue")).continued is not None
    assert start(data, replace(flags, run="continue"), DROP_ONE).continued is not None
    assert start(data, replace(flags, run="new")).source is not None
    with pytest.raises(FlagError, match="there is no run"):
        start(data, CheckpointFlags(checkpoint_dir=str(tmp_path / "empty"), run="continue"))


def test_init_ignores_what_is_there(tmp_path: Path, data: DataFlags) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    save_run(tmp_path / "run", data, flags)
    found = start(data, replace(flags, load_train="init"))
    assert (found.continued, found.source) == (None, None)


def test_new_weights_are_begun_with_though_the_run_of_the_command_is_finished(
    tmp_path: Path, data: DataFlags
) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"), load_train="init")
    save_run(tmp_path / "run", data, flags, finished="all 3 epochs are done")
    found = start(data, flags)
    assert (found.continued, found.source) == (None, None)
    assert "--load_train init was given; the run of this command is finished" in found.reason
    assert "--run continue" in found.reason


@pytest.mark.parametrize("written", ["digest", "name"])
def test_another_source_of_the_same_name_is_another_source(
    tmp_path: Path, data: DataFlags, written: str
) -> None:
    """Sources are compared by content; only runs of older versions record a name instead."""
    for place, step in (("a", 7), ("b", 8)):
        save_run(tmp_path / place / "model", data, CheckpointFlags(), step=step)
    flags = [
        CheckpointFlags(load_checkpoint_dir=str(tmp_path / place / "model"),
                        save_checkpoint_dir=str(tmp_path / "run"))
        for place in ("a", "b")
    ]  # fmt: skip
    record = RunRecord(identity(data, flags[0], DROP_ONE), 7)
    if written == "name":
        record = replace(record, identity={**record.identity, "source": "model"})
    save_run(tmp_path / "run", data, flags[0], DROP_ONE, record=record)
    assert start(data, flags[0], DROP_ONE).continued is not None
    other = start(data, flags[1], DROP_ONE)
    if written == "name":
        assert other.continued is not None
        return
    assert other.continued is None
    assert other.source is not None
    assert other.source.step == 8
    assert "the model to start from (--load_checkpoint_dir) changed" in other.reason


def test_a_run_goes_on_without_its_source(tmp_path: Path, data: DataFlags) -> None:
    flags = CheckpointFlags(load_checkpoint_dir=str(tmp_path / "source"),
                            save_checkpoint_dir=str(tmp_path / "run"))  # fmt: skip
    save_run(tmp_path / "source", data, flags)
    record = RunRecord(identity(data, flags, NOTHING), 7)
    save_run(tmp_path / "run", data, flags, record=record)
    shutil.rmtree(tmp_path / "source")
    assert start(data, flags).continued is not None


def test_a_folder_is_the_same_however_it_is_written(tmp_path: Path, data: DataFlags) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    save_run(tmp_path / "run", data, flags)
    again = CheckpointFlags(load_checkpoint_dir=str(tmp_path / "run/../run"),
                            save_checkpoint_dir=str(tmp_path / "run"))  # fmt: skip
    assert start(data, again).continued is not None


def test_a_run_without_a_checkpoint_begins_again_from_what_it_began_with(
    tmp_path: Path, data: DataFlags
) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    save_run(tmp_path / "run", data, CheckpointFlags())
    record = RunRecord(identity(data, flags, DROP_ONE), 7, source="train-7.safetensors")
    write_record(tmp_path / "run", record)
    found = start(data, flags, DROP_ONE)
    assert found.source is not None
    assert found.source.path.name == "train-7.safetensors"
    assert found.drops_layers
    assert "Starting again" in found.reason
    (tmp_path / "run/train-7.safetensors").unlink()
    (tmp_path / "run/checkpoint").unlink()
    with pytest.raises(CheckpointError, match="no longer exists"):
        start(data, flags, DROP_ONE)


@pytest.mark.parametrize("phase", ["evaluating", "done"])
def test_what_comes_after_training_belongs_to_the_command(
    tmp_path: Path, data: DataFlags, phase: Phase
) -> None:
    flags = CheckpointFlags(checkpoint_dir=str(tmp_path / "run"))
    record = RunRecord(identity(data, flags, NOTHING), 0, phase=phase, finished="enough")
    save_run(tmp_path / "run", data, flags, finished="enough", record=record)
    found = start(data, flags)
    if phase == "done":
        assert found.source is not None
        assert found.continued is None
    else:
        assert found.continued is not None
        assert "its training is finished (enough)" in found.reason


def test_a_source_elsewhere_must_be_there(tmp_path: Path, data: DataFlags) -> None:
    flags = CheckpointFlags(load_checkpoint_dir=str(tmp_path / "none"),
                            save_checkpoint_dir=str(tmp_path / "run"))  # fmt: skip
    with pytest.raises(CheckpointError, match="none does not exist"):
        start(data, flags)


def test_all_missing_data_is_named(tmp_path: Path) -> None:
    data = DataFlags(train_files=(str(tmp_path / "none.csv"), str(tmp_path / "nil.csv")))
    with pytest.raises(CorpusError, match=r"none\.csv: no such file") as caught:
        start(data, CheckpointFlags(checkpoint_dir=str(tmp_path)))
    assert "nil.csv: no such file" in str(caught.value)


def test_changes_of_flags_are_told_by_whether_they_act() -> None:
    earlier = {"epochs": 3, "n_hidden": 8, "run": "auto", "freeze_source_layers": 2}
    flags = {"epochs": 5, "n_hidden": 16, "run": "continue", "freeze_source_layers": 0}
    told = describe_changes(flags, earlier, frozenset({"epochs", "n_hidden"}))
    assert told[0] == "Flag changed since this run was last saved: --epochs 3 -> 5"
    assert told[1].startswith("--n_hidden 8 -> 16 has no effect")
    assert len(told) == 2


def test_a_table_that_is_not_there_is_said_with_its_flag(tmp_path: Path, data: DataFlags) -> None:
    """Similar flags take true or false, so users try that first."""
    mapped = BootstrapFlags(drop_source_layers=1, map_alphabet="true")
    with pytest.raises(FlagError, match=r"--map_alphabet true: no such file; .*, or auto"):
        start(data, CheckpointFlags(checkpoint_dir=str(tmp_path / "new")), mapped)
