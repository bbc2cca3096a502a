"""Training with `--augment`: interruptions do not change it, and validation is not augmented."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from command_runner import run_command
from coqui_stt_training.checkpoints.folder import CheckpointFolder
from coqui_stt_training.training import trainer as trainer_module
from coqui_stt_training.training.frozen_stack import FrozenStack

from .conftest import SMALL, ToneCorpus

AUGMENT = ("--augment", "speed[p=0.5]", "volume[p=0.5,dbfs=-3:-20~3]",
           "add[p=0.3,domain=signal,stddev=0.01]", "specaugment[t=100]",
           "dropout[p=0.5,domain=hidden]")  # fmt: skip


def run(folder: Path, corpus: ToneCorpus, *flags: object, epochs: int = 2) -> None:
    result = run_command(
        "train", "--checkpoint_dir", folder, "--train_files", corpus.train, "--dev_files",
        corpus.dev, *SMALL, "--epochs", epochs, "--shuffle_batches", "true", *flags,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def last_of(folder: Path) -> dict[str, np.ndarray]:
    checkpoint = CheckpointFolder(folder).read("last")
    assert checkpoint is not None
    return dict(checkpoint.tensors)


def history(folder: Path) -> list[dict[str, float]]:
    checkpoint = CheckpointFolder(folder).read("last")
    assert checkpoint is not None
    return list((checkpoint.run or {})["history"])


class KilledError(Exception):
    """A stand-in for `kill -9` within the process."""


def test_a_run_that_dies_goes_on_to_the_same_weights(
    latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "whole", latin, *AUGMENT)
    generator = random.Random(3)
    steps_left = 0
    take_step = trainer_module.Trainer._train_step

    def step(self: trainer_module.Trainer, *work: object) -> None:
        nonlocal steps_left
        if steps_left == 0:
            raise KilledError
        steps_left -= 1
        take_step(self, *work)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer_module.Trainer, "_train_step", step)
    monkeypatch.setattr(
        trainer_module.Trainer, "_between_batches",
        lambda self: self._save("last") if generator.random() < 0.5 else None,
    )  # fmt: skip
    deaths = 0
    while True:
        steps_left = generator.randint(2, 6)
        try:
            run(tmp_path / "killed", latin, *AUGMENT)
            break
        except KilledError:
            deaths += 1
            assert deaths < 60
    assert deaths > 0
    whole, killed = last_of(tmp_path / "whole"), last_of(tmp_path / "killed")
    for name, tensor in whole.items():
        np.testing.assert_array_equal(killed[name], tensor)


def test_validation_hears_clips_as_they_are(latin: ToneCorpus, tmp_path: Path) -> None:
    """Train and validate on the same clips, with weights that hardly change."""
    corpus = ToneCorpus(latin.train, latin.train, latin.test, latin.alphabet)
    still = ("--learning_rate", "1e-30", "--feature_cache", tmp_path / "cache",
             "--feature_cache_gigabytes", 1)  # fmt: skip
    run(tmp_path / "plain", corpus, *still, "--dropout_rate", 0)
    cached = contents(tmp_path / "cache")
    assert cached
    run(tmp_path / "augmented", corpus, *still, "--dropout_rate", 0, *AUGMENT)
    plain, augmented = history(tmp_path / "plain"), history(tmp_path / "augmented")
    assert [one["loss"] for one in plain] == [one["loss"] for one in augmented]
    assert [one["training_loss"] for one in plain] != [one["training_loss"] for one in augmented]
    first, second = (one["training_loss"] for one in augmented)
    assert first != second  # each epoch is augmented differently
    assert contents(tmp_path / "cache") == cached


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_epochs_take_turns_of_versions(source: Path, latin: ToneCorpus, tmp_path: Path) -> None:
    flags = ("--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path, "--train_files",
             latin.train, "--dev_files", latin.dev, *SMALL, "--epochs", 3, "--augment_variants", 2,
             "--freeze_source_layers", 4, "--dropout_rate", 0,
             "--learning_rate", "1e-30")  # fmt: skip
    result = run_command("train", *flags, "--augment", "speed[factor=0.8:1.2]")
    assert result.returncode == 0, result.stderr
    assert "speed creates 2 versions of each clip, which pass through the frozen layers once" in (
        result.stderr
    )
    first, second, third = (one["training_loss"] for one in history(tmp_path))
    assert first == third != second
    idle = run_command("train", *flags, "--run", "new", "--dry_run", "true")
    assert "--augment_variants has no effect without --augment" in idle.stderr


def test_frozen_layers_hear_each_batch_once_whatever_is_dropped(
    source: Path, latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = list[object]()
    run_layers = FrozenStack._run
    monkeypatch.setattr(
        FrozenStack, "_run", lambda *given: heard.append(given) or run_layers(*given)
    )
    passes, losses = list[int](), list[float]()
    for dropout_rate, epochs in ((0, 1), (0.5, 3)):
        heard.clear()
        result = run_command(
            "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir",
            tmp_path / str(epochs), "--train_files", latin.train, *SMALL, "--epochs", epochs,
            "--freeze_source_layers", 5, "--learning_rate", "1e-30", "--dropout_rate",
            dropout_rate, "--skip_batch_test", "true",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        passes.append(len(heard))
        losses += [one["training_loss"] for one in history(tmp_path / str(epochs))]
    assert passes[0] == passes[1] > 0
    assert len(set(losses)) == 4  # each epoch draws dropout anew after the last frozen layer


def test_what_frozen_layers_gave_is_kept_for_later_runs(
    source: Path, latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(name: str) -> dict[str, np.ndarray]:
        result = run_command(
            "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path / name,
            "--train_files", latin.train, "--dev_files", latin.dev, *SMALL, "--epochs", 2,
            "--freeze_source_layers", 5, "--dropout_rate", 0.3, "--skip_batch_test", "true",
            "--feature_cache", tmp_path / "cache", "--augment", "speed[p=0.5]",
            "--augment_variants", 2,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return last_of(tmp_path / name)

    first = train("first")
    monkeypatch.setattr(FrozenStack, "_run", None)  # a call would fail
    second = train("second")
    for name, tensor in first.items():
        np.testing.assert_array_equal(second[name], tensor)


@pytest.mark.parametrize("augment", ["specaugment", "speed"])
def test_frozen_layers_and_augmentation(
    augment: str, source: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    result = run_command(
        "train", "--load_checkpoint_dir", source, "--save_checkpoint_dir", tmp_path,
        "--train_files", latin.train, "--dev_files", latin.dev, *SMALL, "--epochs", 1,
        "--dropout_rate", 0, "--freeze_source_layers", 4, "--augment", augment,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Augmenting training clips: " in result.stderr
    if augment == "specaugment":
        assert "domain=hidden" in result.stderr
        assert "pass through the frozen layers in every epoch" not in result.stderr
    else:
        assert "Clips changed by speed pass through the frozen layers" in result.stderr


def test_mistakes_are_said_before_anything_is_done(latin: ToneCorpus, tmp_path: Path) -> None:
    result = run_command(
        "train", "--checkpoint_dir", tmp_path / "run", "--train_files", latin.train, *SMALL,
        "--augment", "sped[p=0.5]", "specaugment[q=1]", "--epochs", 1,
    )  # fmt: skip
    assert result.returncode == 2
    assert "unknown augmentation sped (nearest: speed)" in result.stderr
    assert "specaugment has no q" in result.stderr
    assert not (tmp_path / "run").exists()


def test_the_flag_may_be_repeated_as_upstreams(latin: ToneCorpus, tmp_path: Path) -> None:
    result = run_command(
        "train", "--checkpoint_dir", tmp_path, "--train_files", latin.train, *SMALL,
        "--augment", "speed[p=0.5]", "--augment", "volume", "--epochs", 1, "--dry_run", "true",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Augmenting training clips: speed[p=0.5] volume\n" in result.stderr
