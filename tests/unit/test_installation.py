"""Other packages that install files of the same names are detected, and the remedy is given."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import warnings
import zipfile
from pathlib import Path

import pytest

from stt.installation import foreign_distributions, warn_of_foreign_distributions

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a `site-packages` with our packages; `stt` has a link per file, to remove some."""
    folder = tmp_path / "site-packages"
    (folder / "stt").mkdir(parents=True)
    for file in (REPOSITORY / "src/stt").iterdir():
        (folder / "stt" / file.name).symlink_to(file)
    for name in ("coqui_stt_training", "coqui_stt_ctcdecoder"):
        (folder / name).symlink_to(REPOSITORY / "src" / name)
    return folder


def import_training(folder: Path) -> str:
    """Return the last line of stderr of `import coqui_stt_training`, imported from `folder`."""
    path = os.pathsep.join([str(folder), sysconfig.get_path("purelib")])
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import coqui_stt_training"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True,
    )  # fmt: skip
    return done.stderr.strip().splitlines()[-1] if done.stderr.strip() else ""


def record(folder: Path, distribution: str, *files: str) -> None:
    info = folder / f"{distribution}.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in files))


def test_our_own_files_are_fine(installed: Path) -> None:
    record(installed, "coqui_stt-2.0.0", "stt/__init__.py")
    assert import_training(installed) == ""


def test_files_lost_with_another_package_are_missed(installed: Path) -> None:
    (installed / "stt" / "__init__.py").unlink()
    said = import_training(installed)
    assert "files of stt are gone" in said
    assert "--force-reinstall" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [("class Model: pass\n", "is of another package"),
     ("raise ImportError('numpy.core failed')\n", "numpy.core failed")],
)  # fmt: skip
def test_another_package_in_our_place_is_known(installed: Path, content: str, said: str) -> None:
    (installed / "stt" / "__init__.py").unlink()
    (installed / "stt" / "__init__.py").write_text(content)
    message = import_training(installed)
    assert said in message
    assert "pip uninstall -y stt" in message


def test_another_package_beside_ours_is_warned_of(tmp_path: Path) -> None:
    record(tmp_path, "stt-1.4.0", "stt/__init__.py", "stt/impl.py")
    record(tmp_path, "coqui_stt_ctcdecoder-1.4.0", "coqui_stt_ctcdecoder/__init__.py")
    record(tmp_path, "sttools-1.0", "sttools/__init__.py")
    assert foreign_distributions(tmp_path) == ["coqui_stt_ctcdecoder 1.4.0", "stt 1.4.0"]
    with pytest.warns(RuntimeWarning, match=r"stt 1\.4\.0 and coqui-stt"):
        warn_of_foreign_distributions(tmp_path)


def test_the_empty_package_meets_requirements_and_is_no_other(tmp_path: Path) -> None:
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed")
    sources = shutil.copytree(REPOSITORY / "packaging/stt", tmp_path / "sources")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", tmp_path, sources], check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith("stt-1.4.0+")  # satisfies `stt~=1.0` and `stt==1.4.0`
    with zipfile.ZipFile(wheel) as archive:
        assert all(".dist-info/" in name for name in archive.namelist())
        archive.extractall(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_foreign_distributions(tmp_path)
