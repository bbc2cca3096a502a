"""Training, evaluation and export by a Python program."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import coqui_stt_training
import stt
from coqui_stt_training import (
    FlagError,
    TrainingResult,
    UserError,
    evaluate_model,
    export_model,
    load_checkpoint,
    train_model,
)
from stt.audio.source import read_pcm

from .conftest import ToneCorpus

SMALL = {
    "n_hidden": 32, "train_batch_size": 4, "dev_batch_size": 6, "learning_rate": 0.003,
    "beam_width": 32, "intra_op_parallelism_threads": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return train_model(
        train_files=[latin.train],
        dev_files=[latin.dev],
        test_files=[latin.test],
        checkpoint_dir=tmp_path_factory.mktemp("api") / "model",
        epochs=3,
        **SMALL,
    )


def test_a_training_says_what_became_of_it(trained: TrainingResult, latin: ToneCorpus) -> None:
    assert trained.finished
    assert trained.exit_status == 0
    assert trained.best_checkpoint is not None
    assert trained.best_checkpoint.parent == trained.folder
    assert trained.best_checkpoint.is_file()
    assert trained.step == 18
    (test,) = trained.tests
    assert test.dataset == str(latin.test)
    assert len(test.samples) == 6
    with pytest.raises(dataclasses.FrozenInstanceError):
        trained.step = 0  # type: ignore[misc]


def test_evaluation_returns_the_rates_and_prints_nothing(
    trained: TrainingResult, latin: ToneCorpus, capfd: pytest.CaptureFixture[str]
) -> None:
    dev, test = evaluate_model(
        checkpoint_dir=trained.folder, test_files=[latin.dev, latin.test], beam_width=32
    )
    before = trained.tests[0]
    assert (test.wer, test.cer, test.loss) == (before.wer, before.cer, pytest.approx(before.loss))
    assert dev.dataset == str(latin.dev)
    assert capfd.readouterr().out == ""


def test_a_checkpoint_is_exported_and_both_transcribe(
    trained: TrainingResult, latin: ToneCorpus, tmp_path: Path
) -> None:
    exported = export_model(checkpoint_dir=trained.folder, export_dir=tmp_path / "out")
    assert {file.suffix for file in exported.files} >= {".tflite"}
    assert all(file.is_file() for file in exported.files)
    assert load_checkpoint(trained.folder).step == trained.step
    (model_file,) = (file for file in exported.files if file.suffix == ".tflite")
    for place in (model_file, trained.folder):
        with stt.Model(place) as model:
            clip = latin.test.parent / "test0.wav"
            assert set(model.stt(read_pcm(clip, model.sample_rate()))) <= set("abcd")


def test_training_in_a_thread(latin: ToneCorpus, tmp_path: Path) -> None:
    results: list[TrainingResult] = []

    def work() -> None:
        flags = {"train_files": [latin.train], "checkpoint_dir": tmp_path / "model", "epochs": 1}
        results.append(train_model(**flags, **SMALL))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert results[0].finished


def test_mistakes_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=r"epochz, did you mean --epochs\?; --n_hidden -1"):
        train_model(epochz=3, n_hidden=-1)
    with pytest.raises(FlagError, match="test_files"):
        evaluate_model(checkpoint_dir=tmp_path)
    with pytest.raises(FlagError, match="export_dir"):
        export_model(checkpoint_dir=tmp_path)
    with pytest.raises(UserError, match="empty directory"):
        evaluate_model(checkpoint_dir=tmp_path, test_files=["missing.csv"])
    with pytest.raises(UserError, match=r"missing\.csv"):
        train_model(checkpoint_dir=tmp_path, train_files=["missing.csv"])
    with pytest.raises(UserError, match="nowhere"):
        load_checkpoint(tmp_path / "nowhere")


def test_modules_and_functions_have_names_of_their_own() -> None:
    code = (
        "import sys, types\n"
        "import coqui_stt_training\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "from coqui_stt_training import train, evaluate, export\n"
        "from coqui_stt_training.train import train as train_function\n"
        "assert isinstance(train, types.ModuleType) and callable(train_function)\n"
        "from coqui_stt_training import train_model, Alphabet, UserError\n"
        "assert callable(train_model)\n"
        "import coqui_stt_training.train as again\n"
        "assert again is train\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    for name in coqui_stt_training.__all__:
        assert getattr(coqui_stt_training, name)
        assert not (Path(coqui_stt_training.__file__).parent / f"{name}.py").exists()
    assert not hasattr(coqui_stt_training, "no_such_name")
