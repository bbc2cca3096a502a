"""`align`: word times in a recording joined from known sentences, and the clips cut out of it."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import Result, run_command
from tone_engine import ToneEngine

from .conftest import RATE_HZ, speak

LETTERS = "abcd "
SENTENCES = ("ab cd", "dad cab", "bad bac dab", "acca dab", "dabba caddac", "cab bad acdc")


@pytest.fixture(autouse=True)
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder that `align` opens as an engine which recognises the tones without errors."""
    from coqui_stt_training.aligning import run

    monkeypatch.setattr(run, "open_engine", lambda *_, **__: ToneEngine(LETTERS))
    folder = tmp_path / "model"
    folder.mkdir()
    return folder


@dataclass(frozen=True)
class Joined:
    """A recording, its text, and the start and end of each spoken sentence in seconds."""

    audio: Path
    text: Path
    times: dict[str, tuple[float, float]]


def join(folder: Path, said: list[str], text: str) -> Joined:
    generator = np.random.default_rng(4)
    parts, times, position = [], {}, 0
    for sentence in said:
        pause = generator.normal(0, 0.0005, RATE_HZ * 8 // 10)
        sound = speak(sentence, LETTERS, generator)
        quiet = RATE_HZ // 10  # `speak` starts and ends with this much silence
        begin = position + len(pause) + quiet
        times[sentence] = (begin / RATE_HZ, (begin + len(sound) - 2 * quiet) / RATE_HZ)
        parts += [pause, sound]
        position += len(pause) + len(sound)
    soundfile.write(folder / "book.flac", np.concatenate([*parts, parts[0]]), RATE_HZ)
    (folder / "book.txt").write_text(text, encoding="utf-8")
    return Joined(folder / "book.flac", folder / "book.txt", times)


@pytest.fixture
def book(tmp_path: Path) -> Joined:
    """Return six spoken sentences; the text lacks the third and has one that is not spoken."""
    text = [f"{one.capitalize()}." for one in SENTENCES if one != SENTENCES[2]]
    text.insert(3, "Dcdcdcd dcdcd dcdcdcd.")
    return join(tmp_path, list(SENTENCES), "\n".join(text))


def align(model: Path, *words: object) -> Result:
    return run_command("align", "--checkpoint_dir", model, "--vad_aggressiveness", 0, *words)


def test_what_is_said_is_found_and_what_is_not_is_left_out(
    model: Path, book: Joined, tmp_path: Path
) -> None:
    out = tmp_path / "times"
    result = align(model, "--audio", book.audio, "--text", book.text, "--out", out)
    assert result.returncode == 0, result.stderr
    content = json.loads((out / "book.json").read_text(encoding="utf-8"))
    found = {part["text"]: (part["start"], part["end"]) for part in content["segments"]}
    assert list(found) == [
        f"{one.capitalize()}." for one in SENTENCES if one != SENTENCES[2]
    ]  # in the spelling of the text
    for sentence, times in book.times.items():
        if sentence != SENTENCES[2]:
            assert found[f"{sentence.capitalize()}."] == pytest.approx(times, abs=0.1)
    first = content["segments"][0]
    assert [word["word"] for word in first["words"]] == ["Ab", "cd."]
    assert "".join(letter for letter, _, _ in first["characters"]) == "ab cd"


def test_all_formats_hold_the_same_words(model: Path, book: Joined, tmp_path: Path) -> None:
    out = tmp_path / "times"
    align(model, "--audio", book.audio, "--text", book.text, "--out", out)
    content = json.loads((out / "book.json").read_text(encoding="utf-8"))
    words = [word["word"] for part in content["segments"] for word in part["words"]]
    ctm = [line.split() for line in (out / "book.ctm").read_text(encoding="utf-8").splitlines()]
    assert [line[4] for line in ctm] == words
    starts = [float(line[2]) for line in ctm]
    assert starts == sorted(starts)
    grid = (out / "book.TextGrid").read_text(encoding="utf-8")
    tier = grid.split('name = "words"')[1].split("item [3]")[0]
    assert [text for text in re.findall(r'text = "(.*)"', tier) if text] == words
    edges = [float(edge) for edge in re.findall(r"xm(?:in|ax) = ([\d.]+)", tier)[2:]]
    assert edges[1:-1:2] == edges[2::2]  # each interval starts at the end of the previous one
    subtitles = (out / "book.srt").read_text(encoding="utf-8")
    assert all(word in subtitles for word in words)


def test_clips_of_a_recording_are_ready_to_train_on(
    model: Path, book: Joined, tmp_path: Path
) -> None:
    folder = tmp_path / "clips"
    result = align(
        model, "--audio", book.audio, "--text", book.text, "--clips", folder,
        "--shortest_clip", 0.5, "--longest_clip", 3,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    with (folder / "book.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    engine = ToneEngine(LETTERS)
    for row in rows:
        samples, rate_hz = soundfile.read(folder / row["wav_filename"], dtype="int16")
        assert rate_hz == RATE_HZ
        assert 0.5 <= len(samples) / rate_hz <= 4
        labels = engine.posteriors(samples).argmax(axis=1)
        said = "".join(
            engine.info.alphabet.labels[label]
            for before, label in zip([5, *labels], labels, strict=False)
            if label not in (before, 5)
        )
        written = re.sub(r"[^abcd]", "", row["transcript"].lower())
        assert said.replace(" ", "") == written
    assert run_command("check", folder / "book.csv").returncode == 0


def test_a_text_of_something_else_is_said_so(model: Path, book: Joined, tmp_path: Path) -> None:
    book.text.write_text("Ccc bbb ccc. Bbcb cbc bcb ccbb.\nCcbbc bbcc.\n" * 3, encoding="utf-8")
    out = tmp_path / "times"
    result = align(model, "--audio", book.audio, "--text", book.text, "--out", out)
    assert result.returncode == 2
    assert "does not match" in result.stderr
    assert not out.exists()


def test_transcripts_of_clips_are_aligned(model: Path, tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    soundfile.write(tmp_path / "one.wav", speak("ab cd", LETTERS, generator), RATE_HZ)
    soundfile.write(tmp_path / "two.wav", speak("ab", LETTERS, generator), RATE_HZ)
    listed = tmp_path / "set.csv"
    listed.write_text(
        f"wav_filename,transcript\none.wav,ab cd\ntwo.wav,{'abcd' * 99}\n", encoding="utf-8"
    )
    result = align(model, "--files", listed, "--out", tmp_path / "out", "--formats", "json")
    assert result.returncode == 2
    assert f"{listed}:3: the text does not fit into the audio" in result.stderr
    content = json.loads((tmp_path / "out" / "one.json").read_text(encoding="utf-8"))
    (first, second) = content["segments"][0]["words"]
    assert first["start"] == pytest.approx(0.1, abs=0.05)
    assert second["end"] == pytest.approx(0.1 + 5 * 0.22 - 0.1, abs=0.05)
    assert not (tmp_path / "out" / "two.json").exists()


def test_another_script_is_read_by_a_map(model: Path, book: Joined, tmp_path: Path) -> None:
    cyrillic = str.maketrans("abcdABCD", "абцдАБЦД")
    written = book.text.read_text(encoding="utf-8").translate(cyrillic)
    book.text.write_text(written, encoding="utf-8")
    table = tmp_path / "map.tsv"
    table.write_text("а\ta\nб\tb\nц\tc\nд\td\nА\ta\nБ\tb\nЦ\tc\nД\td\n", encoding="utf-8")
    out = tmp_path / "times"
    words = ("--audio", book.audio, "--text", book.text, "--out", out, "--formats", "json")
    refused = align(model, *words)
    assert refused.returncode == 2
    assert "has no characters that the model can write" in refused.stderr
    assert align(model, *words, "--character_map", table).returncode == 0
    content = json.loads((out / "book.json").read_text(encoding="utf-8"))
    assert content["segments"][0]["words"][1]["word"] == "цд."


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--audio", "AUDIO", "--text", "TEXT"), "no output"),
        (("--audio", "AUDIO", "--out", "x"), "1 recordings but --text 0 texts"),
        (("--out", "x"), "give either --audio"),
        (("--audio", "AUDIO", "--text", "TEXT", "--out", "x", "--formats", "pdf"), "--formats pdf"),
        (("--audio", "nowhere.wav", "--text", "TEXT", "--out", "x"), "nowhere.wav"),
        (("--audio", "AUDIO", "--text", "AUDIO", "--out", "x"), "not UTF-8"),
        (("--audio", "EMPTY", "--text", "TEXT", "--out", "x"), "empty.wav: is empty or too short"),
        (("--files", "NO_ROWS", "--out", "x"), "none.csv: no rows to align"),
        (("--audio", "AUDIO", "--text", "TEXT", "--out", "x", "--character_map", "TEXT"), "no tab"),
    ],
)
def test_mistakes_are_told(
    words: tuple[str, ...], complaint: str, model: Path, book: Joined, tmp_path: Path
) -> None:
    empty, none = tmp_path / "empty.wav", tmp_path / "none.csv"
    soundfile.write(empty, np.zeros(0), 16000)
    none.write_text("wav_filename,transcript\n")
    named = {"AUDIO": book.audio, "TEXT": book.text, "x": tmp_path / "x", "EMPTY": empty,
             "NO_ROWS": none}  # fmt: skip
    result = align(model, *(named.get(word, word) for word in words))
    assert result.returncode == 2
    assert complaint in result.stderr
    assert "Traceback" not in result.stderr
