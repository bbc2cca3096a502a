"""The commands that `make` runs for setup, checked without running them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("target", "extras"), [("tour", "train,server"), ("setup", "test")])
def test_each_step_is_a_command_of_its_own(target: str, extras: str, tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    planned = subprocess.run(
        ["make", "-n", target, f"VENV={tmp_path}/new", "PYTHON=python3"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    steps = re.findall(r"mkdir -p build; \{\s*(\S+)", planned)
    assert len(steps) >= 3  # the environment, PyTorch, the toolkit
    assert set(steps) <= {"python3", f"{tmp_path}/new/bin/python"}
    assert f"pip install --editable '.[{extras}]'" in planned


def test_what_is_run_with_the_rights_of_root_is_said_before(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    log, tools = tmp_path / "ran", tmp_path / "tools"
    tools.mkdir()
    for name, script in {
        "dpkg": f'grep -qx "installed $2" {log}',
        "sudo": 'exec "$@"',
        # Here apt-get knows no package `beyond`, and installs nothing of a request with it.
        "apt-get": f"""case "$*" in
            *beyond*) exit 100;;
            *install*) echo "installed ${{!#}}" >> {log};;
        esac""",
    }.items():
        (tools / name).write_text(f"#!/bin/bash\n{script}\n")
        (tools / name).chmod(0o755)
    (tmp_path / "build").mkdir()
    log.touch()
    packages, sudo = "PACKAGES=g++ beyond", f"SUDO={tools}/sudo"
    said = subprocess.run(
        ["make", "--no-print-directory", "-f", REPOSITORY / "Makefile", "system", packages, sudo],
        cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "MAKEFLAGS": "", "PATH": f"{tools}:{os.environ['PATH']}"},
    ).stdout  # fmt: skip
    assert f"running: {tools}/sudo apt-get install -y g++ beyond" in said.splitlines()[0]
    assert log.read_text() == "installed g++\n"
    assert said.splitlines()[-1].startswith("[setup] Going on without beyond (see ")
