"""`learning_curve`: trainings on growing parts of the data, their flags, and their results."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from command_runner import Result, run_command
from coqui_stt_training.corpus import Row
from coqui_stt_training.curves.subsets import growing_order

from .conftest import LATIN, SMALL, ToneCorpus, interrupted_after, value, write_tones

PARTS = ("--parts", "0.25", "0.5", "1", "--seeds", "1")


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> ToneCorpus:
    return write_tones(tmp_path_factory.mktemp("curve") / "tones", LATIN, 8, counts=(32, 4, 4))


@pytest.fixture
def curve(tones: ToneCorpus, tmp_path: Path) -> Callable[..., Result]:
    return lambda *flags: run_command(
        "learning_curve", "--out", tmp_path / "curve", *tones.flags, *SMALL, "--epochs", 1, *PARTS,
        "--skip_batch_test", "true", *flags,
    )  # fmt: skip


def listed(path: str) -> set[str]:
    with Path(path).open(encoding="utf-8") as file:
        return {row["wav_filename"] for row in csv.DictReader(file)}


def test_parts_grow_and_the_curve_goes_on_where_it_stopped(
    curve: Callable[..., Result], trainings: list[list[str]], tmp_path: Path
) -> None:
    with interrupted_after(2, trainings):
        stopped = curve()
    assert stopped.returncode == 130
    assert stopped.stderr.endswith("interrupted; the same command goes on where it stopped\n")
    assert len(trainings) == 2
    result = curve()
    assert result.returncode == 0, result.stderr
    assert len(trainings) == 3
    small, half, whole = (listed(value(words, "train_files")) for words in trainings)
    assert small < half < whole
    assert [len(small), len(half), len(whole)] == [8, 16, 32]
    record = json.loads((tmp_path / "curve/curve.json").read_text(encoding="utf-8"))
    assert len(record["measurements"]) == 3
    assert [one["factor"] for one in record["curve"]["predictions"]] == [1, 2, 5, 10]
    assert "10 times" in result.stdout
    page = (tmp_path / "curve/curve.html").read_text(encoding="utf-8")
    assert "10 times the data" in page
    assert "<svg" in page
    assert not list((tmp_path / "curve/trainings").iterdir())
    # All trainings are done, so none is repeated. Another seed adds trainings; other flags start
    # from the beginning.
    assert curve().returncode == 0
    assert len(trainings) == 3
    assert curve("--seeds", "2").returncode == 0
    assert [value(words, "random_seed") for words in trainings[3:]] == ["4569"] * 3
    assert listed(value(trainings[3], "train_files")) != small
    assert "5 trainings to do" not in curve("--learning_rate", 0.01, "--dry_run", "true").stdout


def test_a_dry_run_leaves_nothing(
    curve: Callable[..., Result], trainings: list[list[str]], tmp_path: Path
) -> None:
    result = curve("--alphabet_config_path", "", "--dry_run", "true")
    assert result.returncode == 0, result.stderr
    assert "all checks passed" in result.stdout
    assert trainings == []
    assert not (tmp_path / "curve").exists()


def test_too_few_clips_and_other_mistakes(
    curve: Callable[..., Result], tones: ToneCorpus, tmp_path: Path
) -> None:
    for flags, said in (
        (("--parts", "0.1", "0.5", "1"), "32 clips with a transcript, but at least 80 are needed"),
        (("--parts", "0.5", "1"), "a curve needs at least 3 different ones"),
        (("--parts", "0", "x", "1"), "must be numbers above 0, and 1 at most"),
        (("--checkpoint_dir", "m"), "use --load_checkpoint_dir for the model to start from"),
        (("--test_files",), "no data to measure on; give --test_files"),
        (("--train_files", "none.csv"), "none.csv: no such file"),
        (("--load_checkpoint_dir", "none"), "none does not exist"),
    ):
        result = curve(*flags)
        assert result.returncode == 2, result.stdout
        assert said in result.stderr
        assert "Traceback" not in result.stderr
    assert not (tmp_path / "curve").exists()
    (tmp_path / "curve").mkdir(exist_ok=True)
    (tmp_path / "curve/curve.json").unlink(missing_ok=True)
    (tmp_path / "curve/letter.txt").write_text("mine", encoding="utf-8")
    assert "holds something else than a learning curve" in curve().stderr
    (tmp_path / "curve/curve.json").write_text('{"version": 1, "curve": [', encoding="utf-8")
    assert "curve.json is damaged" in curve().stderr


def test_rows_that_cannot_be_used_are_said_of_the_user_s_own_file(
    curve: Callable[..., Result], tones: ToneCorpus, trainings: list[list[str]], tmp_path: Path
) -> None:
    header, *rows = tones.train.read_text(encoding="utf-8").splitlines()
    rows = [f"{tones.train.parent}/{one}" for one in rows]
    own = tmp_path / "own.csv"
    own.write_text("\n".join([header, f"{rows[0]},", *rows[1:], "none.wav,1,ab", "a.wav,1,"]))
    result = curve("--train_files", own)
    assert result.returncode == 2
    assert "3 of 42 rows cannot be used" in result.stderr
    assert f"{own}:2: " in result.stderr
    assert f"{own}:34: {tmp_path / 'none.wav'}: no such file" in result.stderr
    assert f"{own}:35: a.wav has none" in result.stderr
    assert trainings == []


def row(name: str, speaker: str) -> Row:
    return Row(f"a.csv:{name}", 1, (), name, "abc", None, None, None, speaker)


def test_speakers_come_one_after_the_other_where_there_are_enough() -> None:
    rows = [row(f"{number}.wav", f"s{number % 10}") for number in range(40)]
    order = growing_order(rows, 1)
    assert order.by_speaker
    speakers = [one.speaker for one in order.rows]
    assert speakers == [speaker for speaker in dict.fromkeys(speakers) for _ in range(4)]
    assert growing_order(rows[::-1], 1).rows == order.rows
    assert growing_order(rows, 2).rows != order.rows
    assert order.part(0.25) == order.rows[:10]
    few = growing_order([row(f"{number}.wav", f"s{number % 2}") for number in range(40)], 1)
    assert not few.by_speaker
    assert len({one.speaker for one in few.part(0.25)}) == 2
