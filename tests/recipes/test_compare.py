"""`compare`: trainings of several ways in turn, resuming, and their results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from command_runner import Result, run_command

from .conftest import SMALL, ToneCorpus, interrupted_after, value

WAYS = ("--ways", "as it is:", "no speed: --augment", "quick: --learning_rate 0.02")


@pytest.fixture
def compare(latin: ToneCorpus, tmp_path: Path) -> Callable[..., Result]:
    return lambda *flags: run_command(
        "compare", "--out", tmp_path / "compared", *latin.flags, *SMALL, "--epochs", 1,
        "--skip_batch_test", "true", "--augment", "speed", "--seeds", 2, *WAYS, *flags,
    )  # fmt: skip


def test_ways_take_turns_and_a_comparison_goes_on_where_it_stopped(
    compare: Callable[..., Result], trainings: list[list[str]], tmp_path: Path
) -> None:
    with interrupted_after(4, trainings):
        assert compare().returncode == 130
    assert len(trainings) == 4
    result = compare()
    assert result.returncode == 0, result.stderr
    assert [value(words, "random_seed") for words in trainings] == ["4568"] * 3 + ["4569"] * 3
    with_speed, without, quick = (value(words, "augment") for words in trainings[:3])
    assert with_speed == quick == "speed"
    assert without.startswith("--")
    assert [value(words, "learning_rate") for words in trainings if "0.02" in words] == ["0.02"] * 2
    for name in ("as it is", "no speed", "quick"):
        assert f"\n{name} " in result.stdout
    assert "CER difference to 'as it is', 90% interval" in result.stdout

    record = json.loads((tmp_path / "compared/comparison.json").read_text(encoding="utf-8"))
    assert len(record["measurements"]) == 6
    rows = record["found"]["ways"]
    assert [row["seeds"] for row in rows] == [2] * 3
    for row in rows:
        own = [one["cer"] for one in record["measurements"].values() if one["way"] == row["name"]]
        assert row["cer"] == pytest.approx(sum(own) / 2)
    assert rows[0]["low"] is None
    assert rows[1]["low"] <= rows[1]["cer"] - rows[0]["cer"] <= rows[1]["high"]
    page = (tmp_path / "compared/comparison.html").read_text(encoding="utf-8")
    assert "no speed" in page
    assert "<svg" in page
    assert not list((tmp_path / "compared/trainings").iterdir())

    # All trainings are done, so none is repeated. More seeds add trainings; ways with equal flags
    # are trained once.
    assert compare().returncode == 0
    assert len(trainings) == 6
    assert (
        compare("--seeds", "3", "--ways", "other name: --augment", "alike: --augment").returncode
        == 0
    )
    assert [value(words, "random_seed") for words in trainings[6:]] == ["4570"]


def test_mistakes_are_said_before_anything_is_trained(
    compare: Callable[..., Result], trainings: list[list[str]], tmp_path: Path
) -> None:
    for flags, said in (
        (("--ways", "no colon"), "'no colon': must be a name, a colon, and flags of train"),
        (("--ways", "a: epochs 3"), "must be a name, a colon, and flags of train"),
        (("--ways", "a:", "a: --epochs 3"), "two ways have the name 'a'"),
        (("--ways", "a: --epochs '3"), "no closing quotation"),
        (("--ways", "a: --epoch 3", "b: --epochs x"), "--ways 'b': "),
        (("--ways", "a: --epoch 3", "b: --epochs x"), "did you mean --epochs?"),
        (("--ways", "a: --random_seed 3"), "--random_seed: compare sets this itself"),
        (("--ways", "a: --test_files b.csv"), "--test_files: compare sets this itself"),
        (("--ways", "a: --help"), "without --help and --config"),
        (("--checkpoint_dir", "m"), "use --load_checkpoint_dir for the model to start from"),
        (("--test_files",), "no data to measure on; give --test_files"),
        (("--out", ""), "no output folder; give --out"),
        (("--interval", "1"), "--interval: must be less than 1"),
        (("--ways", "a:", "b: --train_files none.csv"), "none.csv: no such file"),
        (("--ways", "a:", "b: --load_checkpoint_dir none"), "none does not exist"),
    ):
        result = compare(*flags)
        assert result.returncode == 2, result.stdout
        assert said in result.stderr
        assert "Traceback" not in result.stderr
    assert trainings == []
    (tmp_path / "compared").mkdir(exist_ok=True)
    (tmp_path / "compared/letter.txt").write_text("mine", encoding="utf-8")
    assert "holds something else than a comparison" in compare().stderr
    (tmp_path / "compared/comparison.json").write_text('{"version": 1, "found": [', "utf-8")
    assert "comparison.json is damaged" in compare().stderr


def test_all_ways_are_checked_first(
    compare: Callable[..., Result], trainings: list[list[str]], tmp_path: Path
) -> None:
    result = compare("--dry_run", "true")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("coqui_stt_training.train") == 3
    assert trainings == []
    assert not (tmp_path / "compared/comparison.json").exists()
    result = compare("--ways", "a:", "b: --drop_source_layers 1")
    assert result.returncode == 2
    assert trainings == []
