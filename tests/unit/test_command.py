"""What commands do around their work: errors of the user and of the system in one line."""

from __future__ import annotations

import errno
import importlib
import sys
from pathlib import Path

import pytest

import coqui_stt_ctcdecoder
from coqui_stt_ctcdecoder.errors import NotBuiltError
from coqui_stt_training.cli.command import run
from coqui_stt_training.errors import FlagError
from stt.output_path import check_output_file, check_output_folder


def test_a_full_disk_is_one_line_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def main(argv: list[str]) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "out.json")

    assert run(main, []) == 2
    assert capsys.readouterr().err == "error: out.json: No space left on device\n"


def test_places_that_can_be_written_are_left_without_a_trace(tmp_path: Path) -> None:
    check_output_file("--x", tmp_path / "new" / "folder" / "file")
    check_output_folder("--x", tmp_path / "new")
    check_output_folder("--x", tmp_path)
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written_are_named_with_their_flag(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, problem in (
        (tmp_path, "is a folder"),
        (file / "x", "is a file, not a folder"),
        ("/dev/null", "is no regular file"),
        ("/proc/x", "/proc cannot be"),
    ):
        with pytest.raises(FlagError, match=f"--flag {path}: .*{problem}"):
            check_output_file("--flag", path)
    with pytest.raises(FlagError, match="is a file; name a folder"):
        check_output_folder("--flag", file)


def test_a_package_that_is_missing_is_named_with_how_to_get_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main(argv: list[str]) -> int:
        raise ModuleNotFoundError("No module named 'yaml.nodes'", name="yaml.nodes")

    assert run(main, []) == 2
    assert "pip install pyyaml" in capsys.readouterr().err


def test_what_is_not_compiled_says_how_to_compile_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("native", "_native"):
        monkeypatch.delitem(sys.modules, f"coqui_stt_ctcdecoder.{name}", raising=False)
        monkeypatch.delattr(coqui_stt_ctcdecoder, name, raising=False)
    monkeypatch.setitem(sys.modules, "coqui_stt_ctcdecoder._native", None)
    with pytest.raises(NotBuiltError, match=r"in the folder with its sources run: pip install \."):
        importlib.import_module("coqui_stt_ctcdecoder.native")
