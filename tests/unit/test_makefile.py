"""What `make` would run to set up, without running it."""

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
    assert len(steps) >= 3  # an environment, PyTorch, the toolkit
    assert set(steps) <= {"python3", f"{tmp_path}/new/bin/python"}
    assert f"pip install --editable '.[{extras}]'" in planned
