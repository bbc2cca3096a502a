"""Training and evaluation on collections other than CSV files, as docs/data.md shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_runner import run_command

from .conftest import SMALL, ToneCorpus


def test_training_and_evaluating_on_an_sdb_and_shards(
    latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STT_DATA_CACHE", str(tmp_path / "cache"))
    for words in (
        (latin.train, tmp_path / "train.sdb", "--audio-type", "flac"),
        (latin.dev, tmp_path / "dev.tar", "--shard-clips", 3),
        (latin.test, tmp_path / "test.json"),
    ):
        result = run_command("data_set_tool", *words)
        assert result.returncode == 0, result.stderr
        assert "Wrote " in result.stdout
    model = tmp_path / "model"
    shards, test = tmp_path / "dev-{000000..000001}.tar", tmp_path / "test.json"
    flags = [
        "--checkpoint_dir", model, "--dev_files", shards, "--test_files", test, "--epochs", 1,
        "--train_files", latin.train, f"{tmp_path / 'train.sdb'}:0.25",
    ]  # fmt: skip
    result = run_command("train", *SMALL, *flags)
    assert result.returncode == 0, result.stderr
    assert f"Test on {test}" in result.stdout
    result = run_command("evaluate", "--checkpoint_dir", model, "--test_files", shards)
    assert result.returncode == 0, result.stderr
    assert f"Test on {shards}" in result.stdout
    content = (tmp_path / "train.sdb").read_bytes()
    (tmp_path / "train.sdb").write_bytes(content[:-5])
    result = run_command("train", *SMALL, *flags, "--run", "new")
    assert result.returncode == 2
    assert "train.sdb: a damaged SDB file" in result.stderr
    assert "Traceback" not in result.stderr
