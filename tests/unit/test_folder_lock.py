"""One run at a time in a folder: the lock belongs to a process and ends with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from coqui_stt_training.checkpoints.folder_lock import LOCK, locked
from coqui_stt_training.errors import CheckpointError
from stt import file_lock

HOLD = """
import sys, pathlib
from coqui_stt_training.checkpoints.folder_lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_named_and_leaves_no_lock_when_killed(tmp_path: Path) -> None:
    process = hold(tmp_path)
    with pytest.raises(CheckpointError) as caught, locked(tmp_path):
        pass
    message = str(caught.value)
    assert f"process {process.pid} on {socket.gethostname()}" in message
    assert f"kill {process.pid}" in message
    assert "--save_checkpoint_dir" in message
    with pytest.raises(CheckpointError, match="name another folder with --out"):
        locked(tmp_path, "--out").__enter__()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_the_folder_is_made_and_is_gone_again_if_nothing_came_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "new/folder"
    with (
        locked(folder),
        pytest.raises(CheckpointError, match=f"process {os.getpid()}"),
        locked(folder),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
    with locked(folder):
        (folder / "kept").touch()
    assert [path.name for path in folder.iterdir()] == ["kept"]


def test_a_lock_that_names_nobody_is_still_a_lock(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / LOCK).write_text("{}")
        with pytest.raises(CheckpointError, match="in use by another run; wait"), locked(tmp_path):
            pass


def test_a_disk_without_locks_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(file: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(file_lock.fcntl, "flock", refuse)
    with locked(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert "without file locks" in caplog.text


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written to"), locked(tmp_path / "file/x"):
        pass


def test_without_fcntl_the_other_system_call_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Windows, `msvcrt` locks; here a stand-in records its calls."""
    calls: list[tuple[int, int]] = []

    class Msvcrt:
        LK_NBLCK = 2

        @staticmethod
        def locking(file: int, mode: int, size: int) -> None:
            calls.append((mode, size))
            if len(calls) > 1:
                raise OSError(13, "Permission denied")

    monkeypatch.setattr(file_lock, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt)  # type: ignore[arg-type]
    with locked(tmp_path):
        assert calls == [(2, 1)]
        with pytest.raises(CheckpointError, match="in use by another run"), locked(tmp_path):
            pass
