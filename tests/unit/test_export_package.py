"""The folder of an export is written completely or not changed."""

import errno
import zipfile
from pathlib import Path

import pytest

from coqui_stt_training.errors import FlagError
from coqui_stt_training.exporting.package import (
    copy_scorer,
    move_into,
    remove_exports,
    staging_folder,
    write_zip,
)

CARD = "---\nauthor: a\nmodel_name: b\nacoustic_model_url: <replace>\n---\n"


def test_staging_leaves_nothing_behind_when_it_fails(tmp_path: Path):
    folder = tmp_path / "exported"

    def export():
        with staging_folder(folder) as staging:
            (staging / "model.tflite").write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        export()
    assert not folder.exists()


def test_a_disk_that_is_full_is_named(tmp_path: Path):
    def export():
        with staging_folder(tmp_path):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(FlagError, match="No space left on device"):
        export()
    assert list(tmp_path.iterdir()) == []


def test_moving_replaces_files_of_the_same_name(tmp_path: Path):
    (tmp_path / "model.tflite").write_bytes(b"old")
    with staging_folder(tmp_path) as staging:
        (staging / "model.tflite").write_bytes(b"new")
        written = move_into([staging / "model.tflite"], tmp_path)
    assert written == [tmp_path / "model.tflite"]
    assert (tmp_path / "model.tflite").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(FlagError, match=r"--export_dir .*file/exported"),
        staging_folder(tmp_path / "file" / "exported"),
    ):
        pass


def test_only_exports_are_removed(tmp_path: Path):
    ours = {"output_graph.tflite": "", "a.batch.onnx": "", "kenlm.scorer": "", "a_b_1.md": CARD}
    theirs = {"README.md": "# Mine\n", "notes.txt": CARD, "train.csv": ""}
    for name, text in (ours | theirs).items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder.tflite").mkdir()
    assert {file.name for file in remove_exports(tmp_path)} == set(ours)
    assert {file.name for file in tmp_path.iterdir()} == {*theirs, "folder.tflite"}


def test_new_exports_are_kept(tmp_path: Path):
    new, old = tmp_path / "output_graph.tflite", tmp_path / "old.tflite"
    for file in (new, old):
        file.write_text("")
    assert remove_exports(tmp_path, [new]) == [old]
    assert list(tmp_path.iterdir()) == [new]


def test_removing_from_a_folder_that_is_not_there(tmp_path: Path):
    assert remove_exports(tmp_path / "nowhere") == []


def test_the_zip_lies_beside_the_folder_and_holds_the_files_flat(tmp_path: Path):
    folder = tmp_path / "export" / "uk"
    folder.mkdir(parents=True)
    files = []
    for name in ("output_graph.tflite", "kenlm.scorer"):
        (folder / name).write_text(name * 100)
        files.append(folder / name)
    (folder / "other.txt").write_text("not exported")
    archive = write_zip(files, folder)
    assert archive == tmp_path / "export" / "uk.zip"
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == ["kenlm.scorer", "output_graph.tflite"]
        assert opened.read("kenlm.scorer").decode() == "kenlm.scorer" * 100
    first = archive.read_bytes()
    assert write_zip(files, folder).read_bytes() == first


def test_a_missing_scorer_is_named(tmp_path: Path):
    with pytest.raises(FlagError, match=r"--scorer_path .*none\.scorer"):
        copy_scorer(tmp_path / "none.scorer", tmp_path)
