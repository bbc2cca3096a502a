"""`select_clips`: the choice of recordings to transcribe next."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import Result, run_command
from coqui_stt_training.pseudo_labels import transcriber
from stt import Model
from tone_engine import ToneEngine

from .conftest import LATIN, RATE_HZ, ToneCorpus, speak


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a model that recognises the tones without errors."""
    monkeypatch.setattr(transcriber, "Model", lambda *_, **__: Model.from_engine(ToneEngine(LATIN)))
    (tmp_path / "model").touch()
    return tmp_path / "model"


@pytest.fixture
def recordings(latin: ToneCorpus, tmp_path: Path) -> Path:
    """Return a folder of two equal recordings, another, a training clip, a test clip, silence."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    generator = np.random.default_rng(5)
    for name, text in (("a", "abcabc"), ("b", "abcabc"), ("c", "ddbbdd")):
        soundfile.write(folder / f"{name}.wav", speak(text, LATIN, generator), RATE_HZ)
    soundfile.write(folder / "silent.wav", np.zeros(RATE_HZ), RATE_HZ)
    shutil.copy(latin.train.parent / "train0.wav", folder / "transcribed.wav")
    shutil.copy(latin.test.parent / "test0.wav", folder / "measured.wav")
    return folder


def select(model: Path, out: Path, recordings: Path, latin: ToneCorpus, *flags: object) -> Result:
    return run_command(
        "select_clips", "--checkpoint_dir", model, "--out", out, "--unlabelled_files", recordings,
        "--train_files", latin.train, "--test_files", latin.test, *flags,
    )  # fmt: skip


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_list_says_what_to_transcribe_and_why(
    model: Path, recordings: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    out = tmp_path / "next.csv"
    result = select(model, out, recordings, latin, "--minutes", 0)
    assert result.returncode == 0, result.stderr
    found = rows(out)
    names = [Path(row["wav_filename"]).stem for row in found]
    assert set(names) == {"a", "b", "c"}
    assert set(names[:2]) in ({"a", "c"}, {"b", "c"})
    values = [float(row["value"]) for row in found]
    assert values == sorted(values, reverse=True)
    assert "letter groups are new" in found[0]["why"]
    assert "Not considered: 2 in the given sets, 1 with an empty transcript" in result.stdout
    assert f"stt label {out} --model {model} --out data.csv" in result.stdout


def test_so_many_and_as_names(
    model: Path, recordings: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    out = tmp_path / "next.txt"
    result = select(model, out, recordings, latin, "--count", 2)
    assert result.returncode == 0, result.stderr
    assert "Chosen: 2 of 3 clips" in result.stdout
    assert len(out.read_text(encoding="utf-8").splitlines()) == 2
    assert select(model, out, recordings, latin, "--minutes", 0.02).returncode == 0
    assert len(out.read_text(encoding="utf-8").splitlines()) == 1


def test_mistakes_are_one_sentence_each(
    model: Path, recordings: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    for out, more, said in (
        ("next.doc", (), "its name must end in .csv or .txt"),
        ("next.csv", ("--unlabelled_files", tmp_path / "none"), "none: no such file"),
        (
            "next.csv",
            ("--unlabelled_files", recordings / "silent.wav"),
            "1 with an empty transcript",
        ),
        ("next.csv", ("--checkpoint_dir", ""), "no model: give --checkpoint_dir"),
    ):
        result = select(model, tmp_path / out, recordings, latin, *more)
        assert result.returncode == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr
