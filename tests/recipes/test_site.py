"""`make docs` builds the documentation site without a warning."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("myst_parser")
REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_site_is_built_without_warnings_and_has_every_command(tmp_path: Path) -> None:
    from coqui_stt_training.cli.commands import COMMANDS

    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going", "-b", "html",
         "-d", tmp_path / "trees", REPOSITORY / "docs", tmp_path / "site"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    commands = (tmp_path / "site/reference/commands.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"{name}.html" in commands
    train = (tmp_path / "site/reference/train.html").read_text(encoding="utf-8")
    assert "--drop_source_layers" in train
    interfaces = (tmp_path / "site/reference/interfaces.html").read_text(encoding="utf-8")
    assert ">train_model<" in interfaces
