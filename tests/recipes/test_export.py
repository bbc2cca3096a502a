"""The documented export commands on a small model."""

import errno
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coqui_stt_training import evaluate_export, export
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.cli.command import run
from coqui_stt_training.models.deepspeech.geometry import Geometry
from export_support import random_deployment
from stt.frontends.mfcc_config import FeatureConfig

for _module in ("torch", "ai_edge_litert", "stt.model"):
    pytest.importorskip(_module, reason="the [export] extra is not installed")

GEOMETRY = Geometry(n_hidden=48, n_classes=29)


@pytest.fixture(scope="module")
def checkpoint_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    deployment = random_deployment(GEOMETRY)
    CheckpointFolder(folder).save(
        "last",
        Checkpoint(
            deployment.geometry, deployment.alphabet, deployment.features, deployment.tensors, 7
        ),
    )
    return folder


@pytest.fixture(scope="module")
def test_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(5)
    lines = ["wav_filename,wav_filesize,transcript"]
    for index in range(3):
        noise = random.normal(0, 0.1, 16000 + 500 * index).astype(np.float32)
        soundfile.write(folder / f"{index}.wav", noise, 16000, "PCM_16")
        lines.append(f"{index}.wav,{(folder / f'{index}.wav').stat().st_size},abc def")
    (folder / "test.csv").write_text("\n".join(lines) + "\n")
    return folder / "test.csv"


def run_export(checkpoint_dir: Path, folder: Path, *flags: str) -> int:
    required = ["--checkpoint_dir", str(checkpoint_dir), "--export_dir", str(folder)]
    return run(export.main, [*required, *map(str, flags)])


def table(card: Path) -> dict[str, list[str]]:
    rows = re.findall(r"^\| (output_graph\S*) \| (.*) \|$", card.read_text(), re.MULTILINE)
    return {name: cells.split(" | ") for name, cells in rows}


def test_a_model_and_its_card(checkpoint_dir, test_csv, tmp_path, capsys):
    folder = tmp_path / "exported"
    assert run_export(checkpoint_dir, folder, "--test_files", test_csv) == 0
    assert {file.name for file in folder.iterdir()} == {
        "output_graph.tflite",
        "author_model_0.0.1.md",
    }
    printed = capsys.readouterr().out
    assert re.search(r"Verified output_graph\.tflite: .*WER without scorer", printed)
    cells = table(folder / "author_model_0.0.1.md")["output_graph.tflite"]
    size, _, probability, agreement, wer, checkpoint_wer, change = cells
    assert float(size) == round((folder / "output_graph.tflite").stat().st_size / 1e6, 2)
    assert 0 < float(probability) < 0.1
    assert float(agreement.rstrip("%")) > 80
    assert float(wer) - float(checkpoint_wer) == pytest.approx(float(change), abs=1e-3)


@pytest.mark.parametrize("features", [(16000, 32, 20), (8000, 25, 10)])
def test_float_models_are_the_checkpoint(tmp_path, features):
    deployment = random_deployment(GEOMETRY, features=FeatureConfig(*features))
    CheckpointFolder(tmp_path / "ckpt").save(
        "best",
        Checkpoint(
            deployment.geometry, deployment.alphabet, deployment.features, deployment.tensors, 7
        ),
    )
    flags = ("--export_quantize", "false", "--export_onnx", "true", "--n_steps", "4")
    assert run_export(tmp_path / "ckpt", tmp_path / "out", *flags) == 0
    found = table(tmp_path / "out" / "author_model_0.0.1.md")
    assert set(found) == {"output_graph.tflite", "output_graph.onnx", "output_graph.batch.onnx"}
    assert all(float(cells[2]) < 1e-5 for cells in found.values())
    assert (tmp_path / "out" / "output_graph.features.onnx").exists()


def test_a_package(checkpoint_dir, tmp_path):
    flags = ("--export_zip", "true", "--export_model_name", "digits")
    assert run_export(checkpoint_dir, tmp_path / "uk", *flags) == 0
    with zipfile.ZipFile(tmp_path / "uk.zip") as archive:
        assert set(archive.namelist()) == {"output_graph.tflite", "author_digits_0.0.1.md"}


def test_a_scorer_that_is_none_is_not_packed(checkpoint_dir, tmp_path, capsys):
    scorer = tmp_path / "my.scorer"
    scorer.write_bytes(b"no scorer at all")
    assert run_export(checkpoint_dir, tmp_path / "uk", "--scorer_path", scorer) == 2
    assert "my.scorer" in capsys.readouterr().err
    assert not (tmp_path / "uk").exists()


def test_old_exports_are_removed_when_asked_and_nothing_else(checkpoint_dir, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    assert run_export(checkpoint_dir, tmp_path, "--export_file_name", "first") == 0
    assert run_export(checkpoint_dir, tmp_path) == 0
    assert (tmp_path / "first.tflite").exists()
    assert run_export(checkpoint_dir, tmp_path, "--remove_export", "true") == 0
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"mine.txt", "output_graph.tflite", "author_model_0.0.1.md"}


def test_the_old_model_is_there_until_the_new_one_is(checkpoint_dir, tmp_path, monkeypatch):
    from coqui_stt_training.exporting import pipeline

    assert run_export(checkpoint_dir, tmp_path, "--export_file_name", "first") == 0

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(pipeline, "move_into", fail)
    assert run_export(checkpoint_dir, tmp_path, "--remove_export", "true") == 2
    assert (tmp_path / "first.tflite").exists()


def test_an_export_that_is_not_the_model_leaves_the_folder_as_it_was(
    checkpoint_dir, tmp_path, monkeypatch, capsys
):
    from coqui_stt_training.exporting.deepspeech import tflite_writer

    other = random_deployment(GEOMETRY, seed=1)
    write = tflite_writer.tflite_model
    monkeypatch.setattr(tflite_writer, "tflite_model", lambda _, quantize: write(other, quantize))
    (tmp_path / "output_graph.tflite").write_bytes(b"old")
    flags = ("--export_quantize", "false", "--remove_export", "true")
    assert run_export(checkpoint_dir, tmp_path, *flags) == 2
    assert "differs from the checkpoint" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["output_graph.tflite"]
    assert (tmp_path / "output_graph.tflite").read_bytes() == b"old"


def test_old_flags_do_what_replaces_them(checkpoint_dir, tmp_path, capsys):
    flags = ("--export_savedmodel", "true", "--export_tflite", "false", "--train_cudnn", "true")
    assert run_export(checkpoint_dir, tmp_path, *flags) == 0
    assert (tmp_path / "output_graph.batch.onnx").exists()
    assert "--export_savedmodel is not needed" in capsys.readouterr().err


def test_onnx_takes_the_place_of_the_graph_that_upstream_wrote_instead_of_tflite(
    checkpoint_dir, tmp_path, capsys
):
    assert run_export(checkpoint_dir, tmp_path, "--export_tflite", "false") == 0
    assert (tmp_path / "output_graph.onnx").exists()
    assert not (tmp_path / "output_graph.tflite").exists()
    assert "writing .onnx models instead of TensorFlow graphs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--export_tflite", "false", "--export_onnx", "false"], "nothing to export"),
        (["--audio_sample_rate", "8000"], "trained on 16000 Hz"),
        (["--export_author_id", "a/b"], "--export_author_id 'a/b'"),
        (["--export_file_name", ".."], "--export_file_name '..'"),
        (["--scorer_path", "none.scorer"], "--scorer_path none.scorer: no such file"),
        (["--bytes_output_mode", "true"], "the given alphabet differs from that of"),
        (["--n_steps", "0"], "--n_steps 0"),
        (["--n_steps", "5000"], "--n_steps 5000"),
        (["--export_beam_widht", "7"], "did you mean --export_beam_width"),
        (["--test_files", "none.csv"], "none.csv"),
    ],
)
def test_mistakes_are_explained_and_nothing_is_written(
    checkpoint_dir, tmp_path, capsys, flags, reason
):
    assert run_export(checkpoint_dir, tmp_path / "out", *flags) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_clips_of_another_rate_are_heard_unless_that_is_forbidden(checkpoint_dir, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(1).normal(0, 0.1, 8000), 8000)
    (tmp_path / "test.csv").write_text("wav_filename,transcript\na.wav,abc\n")
    flags = ["--test_files", tmp_path / "test.csv"]
    assert run_export(checkpoint_dir, tmp_path / "x", *flags) == 0
    assert run_export(checkpoint_dir, tmp_path / "x", *flags, "--normalize_sample_rate=false") == 2
    assert "a.wav has 8000 Hz, the model 16000 Hz" in capsys.readouterr().err


def test_missing_folders_are_asked_for(capsys):
    assert run(export.main, ["--export_dir", "x"]) == 2
    assert "--checkpoint_dir" in capsys.readouterr().err
    assert run(export.main, ["--checkpoint_dir", "x"]) == 2
    assert "--export_dir" in capsys.readouterr().err


@pytest.fixture(scope="module")
def model(checkpoint_dir, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    assert run_export(checkpoint_dir, folder) == 0
    return folder / "output_graph.tflite"


def test_exported_models_are_evaluated(model, test_csv, tmp_path, capsys):
    report, dump = tmp_path / "samples.json", tmp_path / "dump"
    argv = ["--model", model, "--csv", test_csv, "--test_output_file", report, "--dump", dump]
    assert run(evaluate_export.main, [*map(str, argv), "--proc", "2", "--beam_width", "16"]) == 0
    printed = capsys.readouterr().out
    assert f"Test on {test_csv} - WER: " in printed
    assert "loss" not in printed
    references = (tmp_path / "dump.txt").read_text().splitlines()
    transcripts = (tmp_path / "dump.out").read_text().splitlines()
    assert [line.split(" ", 1)[1] for line in references] == ["abc def"] * 3
    assert [line.split(" ", 1)[0] for line in transcripts] == [
        str(test_csv.parent / f"{index}.wav") for index in range(3)
    ]
    assert report.read_text().count('"wer"') == 3


def test_a_corpus_of_no_rows_has_no_error_rate(model, test_csv, capsys):
    empty = test_csv.with_name("empty.csv")
    empty.write_text("wav_filename,wav_filesize,transcript\n")
    assert run(evaluate_export.main, ["--model", str(model), "--csv", str(empty)]) == 2
    assert "has a header, but no rows" in capsys.readouterr().err


def test_rows_that_cannot_be_evaluated_are_all_named(model, test_csv, capsys):
    bad = test_csv.with_name("bad.csv")
    bad.write_text("wav_filename,wav_filesize,transcript\nnone.wav,1,a\n0.wav,1,a\n,1,b\n")
    assert run(evaluate_export.main, ["--model", str(model), "--csv", str(bad)]) == 2
    reason = capsys.readouterr().err
    assert "2 of 3 rows" in reason
    assert f"{bad}:2: " in reason
    assert f"{bad}:4: " in reason


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--csv", "x.csv"], "--model"),
        (["--model", "x.tflite"], "--csv"),
        (["--model", "none.tflite", "--csv", "x.csv"], "none.tflite"),
    ],
)
def test_mistakes_in_evaluation_are_explained(argv, reason, capsys):
    assert run(evaluate_export.main, argv) == 2
    assert reason in capsys.readouterr().err
