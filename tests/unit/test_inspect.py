"""`python -m coqui_stt_training.inspect`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_training.checkpoints.file import Checkpoint
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.checkpoints.loading import load_source
from coqui_stt_training.errors import CheckpointError
from coqui_stt_training.inspect import main
from coqui_stt_training.models.deepspeech.geometry import Geometry
from export_support import random_deployment
from stt.frontends.mfcc_config import FeatureConfig
from tensorflow_bundle_writer import random_tensors, write_checkpoint

FIXTURE = Path(__file__).parents[1] / "data/tensorflow_1_15"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(FIXTURE), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["format"] == "tensorflow-1"
    assert said["geometry"] == {
        "n_hidden": 8,
        "n_classes": 6,
        "layer_norm": True,
        "n_context": 9,
        "relu_clip": 20.0,
    }
    assert said["steps"] == said["optimizer_steps"] == 7
    assert said["tensors"]["lstm.weight_ih"] == [32, 8]
    assert said["parameters"] == 4838
    assert said["alphabet"] is None


def test_text_says_what_is_missing_and_how_to_give_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(tmp_path, random_tensors(16, 34))
    assert main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "n_hidden 16, 34 classes, no layer normalisation" in said
    assert "41 steps, learning rate 0.0005, with optimizer state" in said
    assert "give --alphabet_config_path with 33 labels" in said
    assert "best_dev-41 (best)" in said


def test_text_of_an_export(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(FIXTURE / "int8.tflite")]) == 0
    said = capsys.readouterr().out
    assert "5 labels: 'abcde'" in said
    assert "16000 Hz, window 32 ms, step 20 ms" in said
    assert "stored as int8" in said


@pytest.mark.parametrize("quantized", [False, True])
def test_text_of_our_onnx_exports(
    quantized: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = pytest.importorskip("coqui_stt_training.exporting.deepspeech.onnx_writer")
    deployment = random_deployment(Geometry(n_hidden=48, n_classes=29))
    streaming = writer.streaming_model(deployment)
    for kind, model in (
        ("streaming", writer.quantize(streaming) if quantized else streaming),
        ("batch", writer.batch_model(deployment)),
        ("features", writer.features_model(deployment.features)),
    ):
        path = tmp_path / f"{kind}.onnx"
        path.write_bytes(model.SerializeToString())
        assert main([str(path)]) == 0
        said = capsys.readouterr().out
        assert f"onnx, the {kind} graph" in said
        assert "16000 Hz, window 32 ms, step 20 ms" in said
        assert ("28 labels: " in said) is (kind != "features")
        if kind == "streaming":
            stored = "8-bit integers" if quantized else "float32"
            assert f"n_hidden 48, 29 classes; stored as {stored}" in said
            assert "beam width 77, 16 frames at a time" in said
        assert main([str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["kind"] == kind
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match=r"features\.onnx: "):
        main([str(path)])


def test_checkpoint_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = load_source(FIXTURE, with_adam=True)
    checkpoint = Checkpoint(
        source.specification,
        Alphabet.from_labels("abcde"),
        FeatureConfig(),
        source.tensors,
        step=99,
        adam=source.adam,
        flags={"epochs": 3},
        lineage=(
            {"begun": "2026-01-01", "source": None, "plan": []},
            {
                "begun": "2026-01-02",
                "source": "old/train-7",
                "plan": [
                    {"layer": "layer_5", "action": "kept"},
                    {"layer": "layer_6", "action": "new"},
                ],
            },
        ),
    )
    path = CheckpointFolder(tmp_path).save("last", checkpoint)
    assert main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "coqui-stt" in said
    assert "99 steps" in said
    assert "lineage     2026-01-01 from scratch" in said
    assert "lineage     2026-01-02 from old/train-7: kept: layer_5; new: layer_6" in said
    assert "epochs" not in said
    assert main([str(path), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["details"]["flags"] == {"epochs": 3}
    assert described["optimizer_steps"] == 7
    assert described["size_bytes"] == path.stat().st_size


def test_error_is_one_line_and_status_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "coqui_stt_training.inspect", str(tmp_path / "nothing")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "does not exist" in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_does_not_load_numpy() -> None:
    code = "import sys, coqui_stt_training.inspect; print('numpy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False\n"
