"""The scripts and workflows that build wheels, which are run by hand, are consistent."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("script", sorted((_ROOT / "packaging").glob("*.sh")), ids=lambda p: p.name)
def test_a_script_can_be_read_and_is_documented(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert f"packaging/{script.name}" in (_ROOT / "packaging/README.md").read_text()


def test_the_workflow_builds_on_each_system() -> None:
    workflow = yaml.safe_load((_ROOT / ".github/workflows/wheels.yml").read_text())
    systems = workflow["jobs"]["wheels"]["strategy"]["matrix"]["os"]
    assert {system.split("-")[0] for system in systems} == {"ubuntu", "macos", "windows"}


def test_each_change_is_tested_by_the_command_that_all_run() -> None:
    workflow = yaml.safe_load((_ROOT / ".github/workflows/tests.yml").read_text())
    assert {"push", "pull_request"} <= workflow[True].keys()  # YAML 1.1 reads `on` as true
    assert ".ci/run" in [step.get("run") for step in workflow["jobs"]["tests"]["steps"]]


@pytest.mark.parametrize("file", sorted((_ROOT / ".github").rglob("*.yml")), ids=lambda p: p.name)
def test_actions_of_others_are_named_by_their_digest(file: Path) -> None:
    for used in re.findall(r"uses: (\S+)", file.read_text()):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used), "a tag may come to mean other code"


def test_each_python_has_its_wheel() -> None:
    """One configuration builds 3.10 to 3.14, and `requires-python` starts at 3.10, too."""
    project = (_ROOT / "pyproject.toml").read_text()
    built = re.search(r"^build = (\[.*\])$", project, re.M)
    assert built
    assert json.loads(built[1]) == [f"cp3{minor}-*" for minor in range(10, 15)]
    assert 'requires-python = ">=3.10"' in project


def test_the_runtime_stays_as_small_as_it_is_said_to_be() -> None:
    """The size limit in the tests of wheels also holds for the installation here."""
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "runtime_is_small",
         _ROOT / "packaging/test_wheel.py"],
        cwd=_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


def test_every_native_file_is_built() -> None:
    """A file that CMake does not name would be missing from wheels, and no other test fails."""
    named = (_ROOT / "CMakeLists.txt").read_text().replace(
        "mapped_file$<$<PLATFORM_ID:Windows>:_windows>.cpp",
        "mapped_file.cpp native/lm/mapped_file_windows.cpp",
    )  # fmt: skip
    files = [f.relative_to(_ROOT).as_posix() for f in (_ROOT / "native").glob("*/*.cpp")]
    missing = [file for file in files if "/fuzz/" not in file and file not in named]
    assert files
    assert missing == []
