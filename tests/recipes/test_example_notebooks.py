"""The notebooks in `examples/notebooks` run from start to end on little data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from encoder_folders import write_whisper

from .conftest import ToneCorpus

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel")

NOTEBOOKS = Path(__file__).resolve().parents[2] / "examples/notebooks"
pytestmark = pytest.mark.slow


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> str:
    """Run a notebook in another folder than its own, and return its output."""
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ())
    )


@pytest.fixture
def data(latin: ToneCorpus, tmp_path: Path) -> Path:
    return Path(shutil.copytree(latin.train.parent, tmp_path / "data"))


@pytest.mark.parametrize("name", ["first_model.ipynb", "bootstrap.ipynb"])
def test_a_hosted_notebook_finds_the_data_of_the_sources_that_it_got(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stt").symlink_to(NOTEBOOKS.parents[1])
    monkeypatch.setenv("STT_SOURCES", "stt")
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    settings: dict[str, object] = {}
    for cell in [cell for cell in notebook.cells if cell.cell_type == "code"][:2]:
        exec(cell.source, settings)
    assert isinstance(data := settings["DATA"], Path)
    assert data.is_dir()


def test_a_first_model(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run(
        "first_model.ipynb", tmp_path, monkeypatch,
        STT_DATA=str(data), STT_OUT="model", STT_EPOCHS="1", STT_SIZE="16",
    )  # fmt: skip
    assert "Of the test set's words 100% are wrong" in shown
    assert ".wav -> " in shown
    assert (tmp_path / "model/errors.html").is_file()
    assert (tmp_path / "model/export/output_graph.tflite").is_file()


def test_bootstrapping(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    shown = run(
        "bootstrap.ipynb", tmp_path, monkeypatch,
        STT_DATA=str(data), STT_OUT="model", STT_SOURCE=str(write_whisper(tmp_path / "whisper")),
        STT_FLAGS="--epochs 1 --train_batch_size 8 --unfreeze_after_epochs 0",
    )  # fmt: skip
    assert "Results as a page: model/report.html" in shown
    assert shown.count("heard  ") == 5


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_notebooks_are_kept_without_what_a_run_has_left(path: Path) -> None:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
