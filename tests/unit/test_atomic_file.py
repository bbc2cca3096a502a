"""Files are replaced whole or left as they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stt.atomic_file import write_atomically


def test_content_is_written_with_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"
    write_atomically(path, "zażółć\r\n")
    assert path.read_bytes() == "zażółć\r\n".encode()
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    write_atomically(path, b"\0")
    assert path.read_bytes() == b"\0"


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
