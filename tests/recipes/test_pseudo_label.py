"""`pseudo_label`: from recordings without transcripts to a training set."""

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

from .conftest import LATIN, RATE_HZ, SMALL, ToneCorpus, speak

TEXTS = ("abcd", "dcba", "acbd", "bbad")


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of a model that recognises the tones; `other` beside it has wrong letters."""

    def opened(location: str, **_: object) -> Model:
        return Model.from_engine(ToneEngine(LATIN[::-1] if location.endswith("other") else LATIN))

    monkeypatch.setattr(transcriber, "Model", opened)
    for name in ("model", "other"):
        (tmp_path / name).touch()
    return tmp_path / "model"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Return a folder of tones, one in a subfolder, with a silent, a broken and a text file."""
    folder = tmp_path / "recordings"
    (folder / "deep").mkdir(parents=True)
    generator = np.random.default_rng(5)
    for number, text in enumerate(TEXTS):
        place = folder / ("deep" if number == 3 else ".") / f"{number}.wav"
        soundfile.write(place, speak(text, LATIN, generator), RATE_HZ)
    soundfile.write(folder / "silent.wav", np.zeros(RATE_HZ), RATE_HZ)
    (folder / "broken.wav").write_bytes(b"RIFF, they say")
    (folder / "notes.txt").write_text("no recording", encoding="utf-8")
    return folder


def label(model: Path, out: Path, *flags: object) -> Result:
    return run_command(
        "pseudo_label", "--checkpoint_dir", model, "--out", out, "--min_confidence", 0.2, *flags
    )


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_set_that_can_be_trained_on(
    model: Path, latin: ToneCorpus, recordings: Path, tmp_path: Path
) -> None:
    shutil.copy(latin.test.parent / "test2.wav", recordings / "disguised.wav")
    shutil.copy(recordings / "1.wav", recordings / "again.wav")
    out = tmp_path / "sets" / "labels.csv"
    result = label(model, out, "--unlabelled_files", recordings, "--test_files", latin.test)
    assert result.returncode == 0, result.stderr
    found = rows(out)
    assert [Path(row["wav_filename"]).name for row in found] == ["0.wav", "1.wav", "2.wav", "3.wav"]
    assert [row["transcript"] for row in found] == list(TEXTS)
    assert all(0.2 <= float(row["confidence"]) <= 1 for row in found)
    left_out = {
        Path(row["audio"]).name: row["reason"] for row in rows(out.with_suffix(".left_out.csv"))
    }
    assert left_out.keys() == {"silent.wav", "broken.wav", "disguised.wav", "again.wav"}
    assert left_out["disguised.wav"] == f"the same audio as {latin.test}:4"
    assert f"disguised.wav: the same audio as {latin.test}:4" in result.stdout
    assert "Kept 4 of 8 clips" in result.stdout
    trained = run_command(
        "train", "--checkpoint_dir", tmp_path / "new", "--train_files", latin.train, f"{out}:0.2",
        *SMALL, "--dry_run", "true",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    assert f"To train on: 4 clips, 0.1 minutes, of {out}" in trained.stderr


def test_a_long_recording_is_cut_and_the_pieces_can_be_trained_on(
    model: Path, latin: ToneCorpus, tmp_path: Path
) -> None:
    pytest.importorskip("webrtcvad")
    generator = np.random.default_rng(6)
    pause = generator.normal(0, 1e-4, 3 * RATE_HZ)
    parts = [pause, speak("abcd" * 3, LATIN, generator), pause, speak("dcab" * 3, LATIN, generator)]
    soundfile.write(tmp_path / "long.flac", np.concatenate(parts), RATE_HZ)
    out = tmp_path / "labels.csv"
    flags = ("--unlabelled_files", tmp_path / "long.flac", "--longest_clip", 5,
             "--min_confidence", 0, "--min_characters_per_second", 0)  # fmt: skip
    result = label(model, out, *flags)
    assert result.returncode == 0, result.stderr
    found = rows(out)
    assert len(found) == 2
    assert float(found[0]["start_seconds"]) == pytest.approx(3, abs=0.5)
    assert float(found[1]["start_seconds"]) == pytest.approx(8.8, abs=0.6)
    assert {row["wav_filename"] for row in found} == {"long.flac"}
    trained = run_command(
        "train", "--checkpoint_dir", tmp_path / "new",
        "--train_files", out, *SMALL, "--dry_run", "true",
    )  # fmt: skip
    assert "To train on: 2 clips, 0.1 minutes" in trained.stderr


def test_what_was_killed_goes_on_and_other_bounds_hear_nothing_again(
    model: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "labels.csv"
    flags = ("--unlabelled_files", recordings)
    assert label(model, whole, *flags).returncode == 0
    transcribe, asked = transcriber.transcribe_recordings, list[str]()

    def killed_after_two(model, sources, limits, cut):  # type: ignore[no-untyped-def]
        for number, one in enumerate(transcribe(model, sources, limits, cut=cut)):
            if number == 2:
                raise KeyboardInterrupt
            yield one

    def watched(model, sources, limits, cut):  # type: ignore[no-untyped-def]
        asked.extend(map(str, sources))
        return transcribe(model, sources, limits, cut=cut)

    monkeypatch.setattr(transcriber, "transcribe_recordings", killed_after_two)
    assert label(model, out, *flags).returncode == 130
    assert not out.exists()
    with out.with_suffix(".heard.jsonl").open("a", encoding="utf-8") as file:
        file.write('["a line that is cut off')
    monkeypatch.setattr(transcriber, "transcribe_recordings", watched)
    assert label(model, out, *flags).returncode == 0
    assert [Path(name).name for name in asked] == ["2.wav", "broken.wav", "3.wav", "silent.wav"]
    assert rows(out) == rows(whole)
    asked.clear()
    few = label(model, out, *flags, "--min_confidence", 0.9)
    assert few.returncode in (0, 2)
    assert asked == [str(recordings / "broken.wav")]
    kept = rows(out) if few.returncode == 0 else []
    assert len(kept) <= 4


def test_a_second_model_that_hears_something_else_is_heeded(
    model: Path, recordings: Path, tmp_path: Path
) -> None:
    flags = ("--unlabelled_files", recordings)
    agreeing = label(model, tmp_path / "a.csv", *flags, "--second_model", model)
    assert agreeing.returncode == 0, agreeing.stderr
    assert "Kept 4 of" in agreeing.stdout
    other = label(model, tmp_path / "b.csv", *flags, "--second_model", model.with_name("other"))
    assert other.returncode == 2
    assert "4 in which the second model differs too much" in other.stderr
    assert f"Read the transcripts in {tmp_path / 'b.left_out.csv'}" in other.stderr


def test_mistakes_are_one_sentence_each(model: Path, recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels.csv"
    for flags, said in (
        (("--unlabelled_files", tmp_path / "none"), "none: no such file or directory"),
        (("--unlabelled_files", recordings / "deep", "--test_files", "t.csv"), "t.csv: no such"),
        (("--unlabelled_files", recordings, "--min_confidence", 0.9999), "none is kept"),
        ((), "no recordings: give --unlabelled_files"),
    ):
        result = label(model, out, *flags)
        assert result.returncode == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr
    assert not out.exists()
