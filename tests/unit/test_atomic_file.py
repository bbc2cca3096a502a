"""Files are replaced as a whole or left unchanged."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stt.atomic_file import remove_partial_files, replacing, write_atomically


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
        time.sleep(0.001)  # lets other threads run
        return before

    monkeypatch.setattr(os, "umask", slow_umask)
    (tmp_path / "plain").touch()
    usual = (tmp_path / "plain").stat().st_mode
    paths = [tmp_path / f"{number}.txt" for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: write_atomically(path, "x"), paths))
    (tmp_path / "after").touch()
    assert {path.stat().st_mode for path in (*paths, tmp_path / "after")} == {usual}


def test_threads_that_write_the_same_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    contents = [str(number) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            list(pool.map(lambda text: write_atomically(tmp_path / "file", text), contents))
            assert (tmp_path / "file").read_text() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_written_to_is_there_already_under_a_name_that_nobody_can_guess(
    tmp_path: Path,
) -> None:
    names = set()
    for _ in range(2):
        with replacing(tmp_path / "file") as partial:
            assert stat.S_ISREG(partial.lstat().st_mode)  # it exists, so no link can replace it
            names.add(partial.name)
    assert len(names) == 2


def test_a_link_of_somebody_else_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "guessed")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".file.guessed.partial").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "file", "new")
    assert victim.read_text() == "precious"
    assert (tmp_path / ".file.guessed.partial").is_symlink()  # files of others are not removed


@pytest.mark.skipif(os.name != "posix", reason="folders can be synchronised on POSIX alone")
def test_the_file_and_then_its_name_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised = []

    def note(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synchronised.append(("folder" if is_folder else "file", (tmp_path / "file").exists()))

    monkeypatch.setattr(os, "fsync", note)
    write_atomically(tmp_path / "file", "x")
    assert synchronised == [("file", False), ("folder", True)]


@pytest.mark.parametrize("reason", [errno.EINVAL, errno.ENOSPC])
def test_a_file_that_is_in_place_is_no_failure_whatever_becomes_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(reason, "no")

    monkeypatch.setattr(os, "fsync", refuse)
    write_atomically(tmp_path / "file", "x")
    assert (tmp_path / "file").read_text() == "x"


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
