"""Files are replaced whole or left as they were."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stt.atomic_file import remove_partial_files, write_atomically


def test_content_is_written_with_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_atomically(path, "zażółć\r\n")
    assert path.read_bytes() == "zażółć\r\n".encode()
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    write_atomically(path, b"\0")
    assert path.read_bytes() == b"\0"


def test_a_full_disk_is_said_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"No space left on device: '.*out\.json'"):
        write_atomically(tmp_path / "out.json", "{}")


def test_a_name_may_be_as_long_as_any(tmp_path: Path) -> None:
    long, other = ("x" * 250 + end for end in ("a.txt", "b.txt"))
    (tmp_path / f".{hashlib.sha256(long.encode()).hexdigest()}.1.partial").touch()
    for name in (long, other):
        write_atomically(tmp_path / name, name)
    remove_partial_files(tmp_path, other)
    assert len(list(tmp_path.iterdir())) == 3
    remove_partial_files(tmp_path, long)
    assert {path.read_text() for path in tmp_path.iterdir()} == {long, other}


def test_threads_that_write_at_once_get_the_usual_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    umask = os.umask

    def slow_umask(mask: int) -> int:
        before = umask(mask)
        time.sleep(0.001)  # others get their turn
        return before

    monkeypatch.setattr(os, "umask", slow_umask)
    (tmp_path / "plain").touch()
    usual = (tmp_path / "plain").stat().st_mode
    paths = [tmp_path / f"{number}.txt" for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: write_atomically(path, "x"), paths))
    (tmp_path / "after").touch()
    assert {path.stat().st_mode for path in (*paths, tmp_path / "after")} == {usual}


def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def fail(_: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = [".a[1].json.7.partial", ".a[1].json.8.partial", ".b.json.7.partial"]
    for name in [*left, "a[1].json", ".hidden"]:
        (tmp_path / name).touch()
    remove_partial_files(tmp_path, "a[1].json")
    assert {file.name for file in tmp_path.iterdir()} == {left[2], "a[1].json", ".hidden"}
    remove_partial_files(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"a[1].json", ".hidden"}
