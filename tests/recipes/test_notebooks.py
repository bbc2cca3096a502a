"""The steps of upstream's notebooks and training scripts, with its names, on the tone corpus."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from coqui_stt_training.errors import FlagError, TensorFlowOnlyError, UserError
from coqui_stt_training.evaluate import evaluate
from coqui_stt_training.evaluate import test as run_test
from coqui_stt_training.train import early_training_checks, train
from coqui_stt_training.util import config as globals_of_upstream
from coqui_stt_training.util.config import (
    BaseSttConfig,
    Config,
    initialize_globals_from_args,
    initialize_globals_from_instance,
)

from .conftest import ToneCorpus

SMALL = {
    "n_hidden": 32, "train_batch_size": 4, "dev_batch_size": 6, "learning_rate": 0.003,
    "beam_width": 32, "report_count": 1, "intra_op_parallelism_threads": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own_globals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(globals_of_upstream, "_current", [])


def test_training_a_first_model(
    latin: ToneCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    initialize_globals_from_args(
        alphabet_config_path=str(latin.alphabet),
        checkpoint_dir=str(tmp_path / "model"),
        train_files=[str(latin.train)],
        dev_files=[str(latin.dev)],
        test_files=[str(latin.test)],
        load_train="init",
        epochs=2,
        **SMALL,
    )
    shown = json.loads(Config.to_json())
    assert shown["n_hidden"] == 32
    assert shown["load_train"] == "init"
    early_training_checks()
    train()
    assert "Test on" not in capsys.readouterr().out  # only test() evaluates
    assert (tmp_path / "model" / "best_dev_checkpoint").exists()
    run_test()
    assert f"Test on {latin.test} - WER: " in capsys.readouterr().out


def test_transferring_and_then_testing_another_folder(
    source: Path, cyrillic: ToneCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    initialize_globals_from_args(
        load_checkpoint_dir=source,
        save_checkpoint_dir=tmp_path / "new",
        drop_source_layers=1,
        alphabet_config_path=cyrillic.alphabet,
        train_files=[cyrillic.train],
        dev_files=[cyrillic.dev],
        epochs=1,
        load_cudnn=True,
        **SMALL,
    )
    assert Config.train_files == [str(cyrillic.train)]
    train()
    Config.test_files = [str(cyrillic.test)]
    Config.load_checkpoint_dir = str(tmp_path / "new")
    run_test()
    assert "Test on" in capsys.readouterr().out
    samples = evaluate(Config.test_files, create_model=None)  # as in upstream's tuning scripts
    assert len(samples) == 6
    assert set("".join(sample.src for sample in samples)) <= set("бгжю")


def test_a_dataset_is_split_when_the_configuration_is_made(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    (tmp_path / "all.csv").write_text(latin.train.read_text())
    for clip in latin.train.parent.glob("train*.wav"):
        (tmp_path / clip.name).symlink_to(clip)
    initialize_globals_from_args(auto_input_dataset=tmp_path / "all.csv")
    assert Config.train_files == [str(tmp_path / "train.csv")]
    assert (tmp_path / "dev.csv").exists()
    assert "".join(Config.alphabet.labels) == "abcd"
    assert Config.n_hidden_6 == 5


def test_a_run_without_a_folder_is_in_the_users_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    initialize_globals_from_args(train_files=["train.csv"])
    assert Config.save_checkpoint_dir == str(tmp_path / "stt" / "checkpoints")


def test_mistakes_in_the_configuration_are_named_all_at_once() -> None:
    with pytest.raises(FlagError, match=r"epochz, did you mean --epochs\?.*n_hidden -1"):
        initialize_globals_from_args(epochz=3, n_hidden=-1)
    with pytest.raises(FlagError, match="not initialized"):
        _ = Config.train_files
    initialize_globals_from_args(checkpoint_dir="model")
    with pytest.raises(FlagError, match="whole number"):
        Config.epochs = "many"
    assert not hasattr(Config, "no_such_flag")


def test_a_mistake_in_the_files_is_a_user_error(tmp_path: Path) -> None:
    initialize_globals_from_args(train_files=["missing.csv"], checkpoint_dir=tmp_path / "model")
    with pytest.raises(UserError, match=r"missing\.csv"):
        train()


@dataclass
class ToolConfig(BaseSttConfig):
    """A configuration with additional flags, as upstream's scripts define them."""

    sources: list[str] = field(default_factory=list, metadata={"help": "files to read"})
    workers: int | None = None
    unlabeled: bool = False
    target: str = "set.csv"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sources:
            raise FlagError("no --sources")


def test_scripts_add_flags_of_their_own() -> None:
    words = ["--sources", "a.csv", "b.csv", "--unlabeled", "--epochs", "3", "--workers", "2"]
    initialize_globals_from_instance(ToolConfig.init_from_argparse(words, arg_prefix=""))
    assert (Config.sources, Config.workers, Config.unlabeled) == (["a.csv", "b.csv"], 2, True)
    assert (Config.target, Config.epochs, Config.n_hidden) == ("set.csv", 3, 2048)
    for wrong, message in ((["--workers", "2"], "no --sources"), (["--worker", "2"], "--worker"),
                           (["--sources", "a", "--workers", "x"], "workers")):  # fmt: skip
        with pytest.raises(FlagError, match=message):
            ToolConfig.init_from_argparse(wrong)


def test_names_of_the_graph_say_what_replaces_them_when_used() -> None:
    from coqui_stt_training.deepspeech_model import reset_default_graph
    from coqui_stt_training.train import create_model
    from coqui_stt_training.util.checkpoints import load_graph_for_evaluation
    from coqui_stt_training.util.feeding import create_dataset

    reset_default_graph()
    for name in (create_model, create_dataset, load_graph_for_evaluation):
        with pytest.raises(TensorFlowOnlyError, match="belongs to a TensorFlow graph"):
            name()


def test_upstreams_names_do_without_pytorch_until_they_train() -> None:
    modules = ("config", "importers", "audio", "text", "helpers", "downloader", "stm",
               "augmentations", "sample_collections", "evaluate_tools", "checkpoints",
               "feeding", "check_characters", "auto_input", "logging", "cpu",
               "global_runs")  # fmt: skip
    lines = [f"import coqui_stt_training.util.{name}" for name in modules]
    lines += [
        "import sys",
        "from coqui_stt_training.train import create_model, early_training_checks, test, train",
        "from coqui_stt_training.evaluate import evaluate, test",
        "assert 'torch' not in sys.modules",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
