"""`check`: its findings in a corpus with known faults, its page, its list, and its cache."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from browser import needs_browser, opened, refused, stumbles
from command_runner import Result, run_command
from tone_engine import ToneEngine

from .conftest import LATIN, RATE_HZ, ToneCorpus, speak, write_tones

Check = Callable[..., Result]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Return the folder of two sets with one fault of each kind."""
    write_tones(tmp_path / "data", LATIN, seed=3, counts=(8, 4, 4))
    folder = tmp_path / "data"
    sound, _ = soundfile.read(folder / "train0.wav")
    soundfile.write(folder / "again.flac", sound, RATE_HZ)
    soundfile.write(folder / "clipped.wav", np.clip(sound * 9, -1, 1), RATE_HZ)
    pause = np.zeros(RATE_HZ * 3 // 2)
    soundfile.write(folder / "padded.wav", np.concatenate([pause, sound, pause]), RATE_HZ)
    soundfile.write(folder / "silent.wav", pause, RATE_HZ)
    soundfile.write(folder / "slow.wav", sound[::2], RATE_HZ // 2)
    with (folder / "train.csv").open("a", encoding="utf-8") as file:
        for name in ("clipped.wav", "padded.wav", "silent.wav", "slow.wav", "missing.wav"):
            file.write(f"{name},,abc\n")
        file.write("train1.wav,,ab سلام\n")
    with (folder / "dev.csv").open("a", encoding="utf-8") as file:
        file.write("again.flac,,dcba\n")
    return folder


def check_json(*words: object) -> dict:
    result = run_command("check", *words, "--json")
    assert result.returncode in (0, 1), result.stderr
    return json.loads(result.stdout)


def test_every_fault_is_found(faulty: Path) -> None:
    train, dev = faulty / "train.csv", faulty / "dev.csv"
    found = check_json(train, dev)
    survey = found["survey"]
    assert survey["clipped"] == [f"{train}:10"]
    assert f"{train}:11" in survey["silent_ends"]
    assert survey["sample_rates_hz"] == {"16000": 16, "8000": 1}
    assert survey["same_audio"]["across"] == [[f"{train}:2", f"{dev}:6"]]
    assert [f"{train}:3", f"{train}:15"] in survey["same_audio"]["within"]
    assert {problem["kind"] for problem in found["row_problems"]} == {"AUDIO", "SILENCE"}
    arabic = next(one for one in survey["characters"] if one["character"] == "س")
    assert arabic == {"character": "س", "code_points": "U+0633 ARABIC LETTER SEEN", "count": 1}
    assert survey["rare"]["س"] == [f"{train}:15"]
    assert survey["sets"][0]["rows"] == 14
    assert survey["sets"][0]["clips"] == 12
    duration = survey["duration_seconds"]
    assert sum(duration["counts"]) == 17
    assert duration["low"] <= duration["median"] <= duration["high"]
    text = run_command("check", train, dev).stdout
    for said in ("clipped", "silence at the ends", "same audio in 2 sets", "U+0633", "8000 Hz: 1"):
        assert said in text


def test_status_says_whether_rows_can_be_used(faulty: Path, latin: ToneCorpus) -> None:
    assert run_command("check", latin.train, latin.dev).returncode == 0
    assert run_command("check", faulty / "train.csv").returncode == 1


def test_the_cleaned_list_can_be_checked_and_keeps_the_last_set_honest(
    faulty: Path, tmp_path: Path
) -> None:
    out = tmp_path / "clean" / "all.csv"
    run_command("check", faulty / "train.csv", faulty / "dev.csv", "--fix", out)
    train, dev = out.with_name("all-train.csv"), out.with_name("all-dev.csv")
    result = run_command("check", train, dev)
    assert result.returncode == 0, result.stdout
    survey = check_json(train, dev)["survey"]
    assert not survey["same_audio"]["across"]
    assert not survey["same_audio"]["within"]
    assert survey["sets"][1]["clips"] == 5  # the last set keeps all its clips
    with out.with_name("all.left_out.csv").open(encoding="utf-8") as file:
        reasons = {row["reason"] for row in csv.DictReader(file)}
    assert any("silence" in reason for reason in reasons)
    assert any("the same audio as" in reason for reason in reasons)


def test_a_check_that_was_interrupted_goes_on(
    latin: ToneCorpus, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coqui_stt_training.checking import audio_facts

    whole = check_json(latin.train)
    (kept,) = cache.rglob("*.jsonl")
    lines = kept.read_text(encoding="utf-8").splitlines()
    kept.write_text("\n".join(lines[:11]) + '\n["/broken", 1', encoding="utf-8")
    decoded = []
    decode = audio_facts._decode
    monkeypatch.setattr(
        audio_facts, "_decode", lambda *what: decoded.append(what[0]) or decode(*what)
    )
    assert check_json(latin.train) == whole
    assert len(decoded) == 24 - 10
    kept.write_bytes(b"\xff\x00 not ours\n[]")
    assert check_json(latin.train) == whole


def test_a_home_that_cannot_be_written_to_stops_no_check(
    latin: ToneCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").touch()  # a file, so that no folder can be made in it
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    result = run_command("check", latin.train)
    assert result.returncode == 0, result.stderr
    assert "--cache_file" in result.stderr
    assert "An interrupted check will start from the beginning" in result.stderr
    asked = run_command("check", latin.train, "--cache_file", tmp_path / "home" / "results")
    assert asked.returncode == 2


@pytest.fixture(scope="module")
def swapped(latin: ToneCorpus, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a CSV file of clips, and the line of the one that differs from its transcript."""
    folder = tmp_path_factory.mktemp("swapped")
    generator = np.random.default_rng(5)
    lines = ["wav_filename,transcript"]
    for number in range(20):
        text = "".join(generator.choice(list(LATIN), 4))
        soundfile.write(folder / f"{number}.wav", speak(text, LATIN, generator), RATE_HZ)
        lines.append(f"{number}.wav,{text}")
    sound = speak("aabb", LATIN, generator)
    soundfile.write(folder / "wrong.wav", sound, RATE_HZ)
    lines.append("wrong.wav,dcdc")
    path = folder / "set.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path, f"{path}:22"


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder that `check` opens as an engine which recognises the tones without errors."""
    from coqui_stt_training.checking import run

    monkeypatch.setattr(run, "open_engine", lambda *_, **__: ToneEngine(LATIN))
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


def test_a_wrong_transcript_is_suspected(swapped: tuple[Path, str], model: Path) -> None:
    path, wrong = swapped
    found = check_json(path, "--checkpoint_dir", model)
    assert [one["source"] for one in found["suspects"]] == [wrong]
    assert found["suspects"][0]["cer"] > 0.5
    again = check_json(path, "--checkpoint_dir", model)  # from the cache
    assert again == found


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_plays_suspects_without_network(
    swapped: tuple[Path, str], model: Path, tmp_path: Path, dark: bool
) -> None:
    path, wrong = swapped
    page_file, fixed = tmp_path / "report.html", tmp_path / "fixed.csv"
    result = run_command(
        "check", path, "--checkpoint_dir", model, "--html", page_file,
        "--fix", fixed, "--fix_suspects",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "wrong.wav" not in fixed.read_text(encoding="utf-8")
    with opened(page_file, dark=dark) as page:
        assert wrong in page.inner_text(".suspect")
        page.focus(".suspect audio")
        page.wait_for_function("document.querySelector('.suspect audio').duration > 0.5")
        assert page.query_selector("svg.chart polyline")
        assert not refused(page)
        assert not stumbles(page)


def test_a_trained_checkpoint_can_be_asked(latin: ToneCorpus, source: Path) -> None:
    found = check_json(latin.test, "--checkpoint_dir", source)
    assert found["model"] == str(source)
    assert not found["row_problems"]


def test_whole_numbers_that_were_written_as_floats_are_found(tmp_path: Path) -> None:
    sound = speak("ab", LATIN, np.random.default_rng(1))
    soundfile.write(tmp_path / "good.wav", sound, RATE_HZ, subtype="FLOAT")
    soundfile.write(tmp_path / "loud.wav", 30_000 * sound / sound.max(), RATE_HZ, subtype="FLOAT")
    listed = tmp_path / "x.csv"
    listed.write_text("wav_filename,transcript\ngood.wav,ab\nloud.wav,ab\n", encoding="utf-8")
    result = run_command("check", listed)
    assert result.returncode == 1
    assert "1 of 2 rows cannot be used" in result.stdout
    assert "loud.wav: holds samples as large as 30000, where full scale is 1" in result.stdout
    assert "divide them by 32768" in result.stdout


def test_hostile_names_and_texts_stay_text_on_the_page(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    soundfile.write(tmp_path / "a.wav", speak("ab", LATIN, generator), RATE_HZ)
    listed = tmp_path / "<b>x.csv"
    listed.write_text(
        "wav_filename,transcript\na.wav,<script>alert(1)</script>\n<i>.wav,x\n", encoding="utf-8"
    )
    page = tmp_path / "report.html"
    assert run_command("check", listed, "--html", page).returncode == 1
    content = page.read_text(encoding="utf-8")
    assert "<script>alert" not in content
    assert "<b>x" not in content
    assert "<i>.wav" not in content


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "no data"),
        (("nowhere.csv",), "nowhere.csv"),
        (("DATA", "--fix_suspects"), "--fix"),
        (("DATA", "--html", "."), "is a folder"),
        (("DATA", "--fix", "DATA"), "is one of the sources, and would be overwritten"),
        (("DATA", "--checkpoint_dir", "nowhere.tflite"), "error: nowhere.tflite: No such file"),
        (("DATA", "--suspect", "3"), "did you mean --suspects"),
    ],
)
def test_mistakes_are_told(words: tuple[str, ...], complaint: str, latin: ToneCorpus) -> None:
    result = run_command("check", *(latin.train if word == "DATA" else word for word in words))
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
