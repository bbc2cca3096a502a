"""A command that was killed before any change on disk ends the same way when it is run again.

Before each rename, remove and sync of a run, its folders are copied as a `kill -9` at that moment
would leave them. In every copy, the same command must then end with the same files and weights as
the run that was not killed, bit for bit.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tensorflow_bundle_writer
from command_runner import run_command
from coqui_stt_training.checkpoints.file import Checkpoint, read_checkpoint
from coqui_stt_training.checkpoints.run_record import RECORD, read_record
from coqui_stt_training.checkpoints.source import Tensors
from coqui_stt_training.checkpoints.state_file import STATE_FILES, read_state

from .conftest import CYRILLIC, LATIN, write_tones

CHANGES = ("replace", "rename", "unlink", "remove", "rmdir", "link", "fsync")
TINY = (
    "--n_hidden", "4", "--train_batch_size", "2", "--dev_batch_size", "2", "--epochs", "2",
    "--limit_train", "4", "--limit_dev", "2", "--limit_test", "2", "--beam_width", "4",
    "--report_count", "0", "--intra_op_parallelism_threads", "1", "--skip_batch_test", "true",
    "--show_progressbar", "false", "--learning_rate", "0.01",
)  # fmt: skip
PIDS = itertools.count(10_000_000)
# Files beside the model that are ignored when two folders are compared.
BESIDE = ("summaries", "audio_scan.json", "flags.txt", RECORD)


@dataclass(frozen=True)
class Kind:
    """A kind of run: its flags, with paths relative to its folder, and its files at the start."""

    name: str
    flags: tuple[str, ...]
    copies_source_to: str = ""
    data: str = "latin"


KINDS = (
    Kind("scratch", ("--checkpoint_dir", "model", "--dev_files", "latin/dev.csv")),
    Kind(
        "own_folder",
        ("--checkpoint_dir", "model", "--dev_files", "latin/dev.csv", "--max_to_keep", "1"),
        "model",
    ),
    Kind(
        "own_folder_dropping_layers",
        ("--checkpoint_dir", "model", "--drop_source_layers", "2", "--alphabet_config_path",
         "cyrillic/letters.txt", "--dev_files", "cyrillic/dev.csv", "--metrics_files",
         "cyrillic/test.csv", "--reduce_lr_on_plateau", "true", "--plateau_epochs", "1",
         "--es_min_delta", "1000"),
        "model",
        "cyrillic",
    ),
    Kind(
        "elsewhere_dropping_layers",
        ("--load_checkpoint_dir", "source", "--save_checkpoint_dir", "model",
         "--drop_source_layers", "1", "--alphabet_config_path", "cyrillic/letters.txt",
         "--dev_files", "cyrillic/dev.csv", "--max_to_keep", "1"),
        "source",
        "cyrillic",
    ),
    Kind(
        "frozen_layers",
        ("--load_checkpoint_dir", "source", "--save_checkpoint_dir", "model",
         "--freeze_source_layers", "3", "--unfreeze_after_epochs", "1", "--dev_files",
         "latin/dev.csv", "--average_weights", "false"),
        "source",
    ),
    Kind(
        "evaluated_and_exported",
        ("--checkpoint_dir", "model", "--test_files", "latin/test.csv", "--test_output_file",
         "samples.json", "--export_dir", "exported", "--remove_export", "true"),
    ),
    Kind(
        "tensorflow_folder",
        ("--checkpoint_dir", "model", "--dev_files", "latin/dev.csv", "--max_to_keep", "1"),
        "tensorflow",
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of two tiny corpora and two tiny source models."""
    folder = tmp_path_factory.mktemp("kills")
    write_tones(folder / "latin", LATIN, seed=1, counts=(4, 2, 2))
    write_tones(folder / "cyrillic", CYRILLIC, seed=2, counts=(4, 2, 2))
    result = run_command(
        "train", "--checkpoint_dir", "source", "--train_files", "latin/train.csv", "--dev_files",
        "latin/dev.csv", *TINY, cwd=folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    tensors = tensorflow_bundle_writer.random_tensors(4, 5, layer_norm=False)
    tensorflow_bundle_writer.write_checkpoint(folder / "tensorflow", tensors)
    shutil.copy(folder / "latin/letters.txt", folder / "tensorflow/alphabet.txt")
    return folder


def begin(kind: Kind, data: Path, place: Path) -> None:
    """Make the working directory for a run of a kind."""
    place.mkdir()
    for corpus in ("latin", "cyrillic"):
        (place / corpus).symlink_to(data / corpus)
    if kind.copies_source_to:
        source = "tensorflow" if kind.copies_source_to == "tensorflow" else "source"
        target = "source" if kind.copies_source_to == "source" else "model"
        shutil.copytree(data / source, place / target)


def train(kind: Kind, place: Path) -> str:
    """Run the command of a kind, and return its log."""
    pid = next(PIDS)  # each real run has its own process id, which names its temporary files
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "getpid", lambda: pid)
        result = run_command(
            "train", *kind.flags, "--train_files", f"{kind.data}/train.csv", *TINY, cwd=place
        )
    assert result.returncode == 0, result.stderr
    return result.stdout + result.stderr


@contextmanager
def before_each_change(act: Callable[[], None]) -> Iterator[None]:
    """Call a function before each rename, remove and sync."""

    def wrap(change: Callable[..., Any]) -> Callable[..., Any]:
        def changing(*args: Any, **named: Any) -> Any:
            act()
            return change(*args, **named)

        return changing

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, wrap(getattr(os, name)))
        yield


def content(place: Path) -> dict[str, str]:
    """Return a digest of every file in a folder, except those in `summaries`."""
    return {
        str(file.relative_to(place)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(place.rglob("*"))
        if file.is_file() and "summaries" not in file.parts
    }


def copies_at_each_kill(kind: Kind, place: Path) -> list[Path]:
    """Run to the end; return distinct copies of the folder, as kills at any time would leave it."""
    seen: list[dict[str, str]] = []
    copies: list[Path] = []

    def copy() -> None:
        now = content(place)
        if now not in seen:
            seen.append(now)
            copies.append(place.with_name(f"{place.name}-{len(copies)}"))
            with pytest.MonkeyPatch.context() as patch:
                for name, change in ORIGINALS.items():
                    patch.setattr(os, name, change)
                shutil.copytree(place, copies[-1], symlinks=True)

    with before_each_change(copy):
        train(kind, place)
    return copies


ORIGINALS = {name: getattr(os, name) for name in CHANGES}


def names_in(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.name not in BESIDE}


def arrays(checkpoint: Checkpoint) -> list[Tensors]:
    """Return all arrays of a checkpoint."""
    adam = checkpoint.adam
    moments = [adam.first_moments, adam.second_moments] if adam else []
    return [checkpoint.tensors, checkpoint.average or {}, *moments]


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert one.run == other.run
    assert (one.adam is None) == (other.adam is None)
    for a, b in zip(arrays(one), arrays(other), strict=True):
        assert a.keys() == b.keys()
        for name, tensor in a.items():
            np.testing.assert_array_equal(tensor, b[name], err_msg=name)


def assert_same_end(place: Path, expected: Path) -> None:
    model, theirs = place / "model", expected / "model"
    assert names_in(model) == names_in(theirs)
    assert names_in(place) == names_in(expected)
    for file in expected.glob("exported/[!.]*"):
        assert (place / "exported" / file.name).exists()
    record, other = read_record(model), read_record(theirs)
    assert record is not None
    assert other is not None
    assert (record.last, record.best, record.phase) == (other.last, other.best, "done")
    assert record.left_over == ()
    for file in model.glob("*.safetensors"):
        assert_same(read_checkpoint(file), read_checkpoint(theirs / file.name))


def is_done(place: Path, expected: Path) -> bool:
    """Return whether a copy has finished the run that ended in `expected`, not an earlier one."""
    record, other = read_record(place / "model"), read_record(expected / "model")
    assert other is not None
    return (
        record is not None
        and record.phase == "done"
        and (record.begun_step, record.source) == (other.begun_step, other.source)
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kill_before_any_change(kind: Kind, data: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    begin(kind, data, place)
    copies = copies_at_each_kill(kind, place)
    assert len(copies) > 10
    *unfinished, last = copies
    assert is_done(last, place)  # only the lock was still to be removed
    for copy in unfinished:
        assert not is_done(copy, place)
        train(kind, copy)
        assert_same_end(copy, place)


@pytest.mark.parametrize("kind", KINDS[1:3], ids=lambda kind: kind.name)
def test_a_disk_that_is_full_for_a_moment(kind: Kind, data: Path, tmp_path: Path) -> None:
    expected = tmp_path / "expected"
    begin(kind, data, expected)
    train(kind, expected)
    for fails_at in range(1, 100):
        place = tmp_path / str(fails_at)
        begin(kind, data, place)
        with full_disk(fails_at) as disk:
            result = run_command(
                "train", *kind.flags, "--train_files", f"{kind.data}/train.csv", *TINY, cwd=place
            )
        if result.returncode:
            assert result.returncode == 2, result.stderr
            assert "No space left on device" in result.stderr
            assert "Traceback" not in result.stderr
            train(kind, place)
        assert_same_end(place, expected)
        if disk.calls < fails_at:
            break
    assert fails_at > 10


@dataclass
class Disk:
    """The number of files synced so far."""

    calls: int = 0


@contextmanager
def full_disk(fails_at: int) -> Iterator[Disk]:
    """Fail the `fails_at`th sync of a file, as a full disk does."""
    disk, sync = Disk(), os.fsync

    def fill(file: int) -> None:
        if not stat.S_ISDIR(os.fstat(file).st_mode):
            disk.calls += 1
            if disk.calls == fails_at:
                raise OSError(errno.ENOSPC, "No space left on device")
        sync(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        yield disk


def test_a_changed_learning_rate_after_a_kill_keeps_the_best(data: Path, tmp_path: Path) -> None:
    """A kill may leave a best checkpoint that is not recorded; the recorded one must be kept."""
    kind = KINDS[0]
    place = tmp_path / "run"
    begin(kind, data, place)
    for copy in copies_at_each_kill(kind, place):
        record = read_record(copy / "model")
        if record is None or record.best is None or is_done(copy, place):
            continue
        flags = [*kind.flags, "--train_files", "latin/train.csv", *TINY, "--learning_rate", "1e-9"]
        result = run_command("train", *flags, cwd=copy)
        assert result.returncode == 0, result.stderr
        record = read_record(copy / "model")
        assert record is not None
        assert record.best is not None
        assert (copy / "model" / record.best).is_file()
        run = read_checkpoint(copy / "model" / record.last[-1]).run or {}
        assert run["best_checkpoint"] == record.best


def test_a_folder_from_before_there_were_records_goes_on(data: Path, tmp_path: Path) -> None:
    kind = KINDS[0]
    place = tmp_path / "run"
    begin(kind, data, place)
    tried = 0
    for copy in copies_at_each_kill(kind, place):
        record = read_record(copy / "model")
        if record is None or not record.last or record.finished:
            continue
        if read_state(copy / "model" / STATE_FILES["last"])[:1] != [record.last[-1]]:
            continue  # without records, no run left its folder in this state
        (copy / "model" / RECORD).unlink()
        log = train(kind, copy)
        assert "Continuing the run" in log
        assert_same_end(copy, place)
        tried += 1
    assert tried > 3
