"""`synthesize`: from sentences to a training set, with a stand-in for the synthesiser."""

from __future__ import annotations

import csv
import os
import shutil
import sys
from pathlib import Path

import pytest
import soundfile

from command_runner import Result, run_command

# A synthesiser that writes a tone as long as the sentence, and records its arguments.
SPEAKER = """#!PYTHON
import math, struct, sys, wave
from pathlib import Path
words, text = sys.argv[1:], sys.stdin.read().strip()
with open(NOTES, "a") as notes:
    notes.write(" ".join(words[:6]) + " | " + text + chr(10))
if "klingon" in words[1]:
    sys.exit("The specified espeak-ng voice does not exist.")
if "silence" in text:
    samples = [0] * 8000
elif "nothing" in text:
    sys.exit(0)
else:
    samples = [int(9000 * math.sin(i / 9)) for i in range(800 * len(text))]
with wave.open(words[words.index("-w") + 1], "wb") as file:
    file.setparams((1, 2, 22050, len(samples), "NONE", ""))
    file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the synthesiser on the path; return the file of its recorded arguments."""
    folder, notes = tmp_path / "bin", tmp_path / "notes"
    folder.mkdir()
    program = folder / "espeak-ng"
    program.write_text(SPEAKER.replace("PYTHON", sys.executable).replace("NOTES", repr(str(notes))))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return notes


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Return a text of nine lines, of which four can be spoken and transcribed."""
    path = tmp_path / "sentences.txt"
    lines = ["Hello, world!", "one two three", "hello world", "1984", "déjà vu", "", "a b c",
             "it is a long sentence " * 9, "the last one"]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "alphabet.txt").write_text(" \n" + "\n".join("abcdefghijklmnopqrstuvwxyz") + "\n")
    return path


def synthesize(text: Path, *flags: object) -> Result:
    return run_command(
        "synthesize", "--text", text, "--out", text.parent / "out", "--voices", "en-us",
        "--alphabet_config_path", text.parent / "alphabet.txt", *flags,
    )  # fmt: skip


def rows_of(text: Path) -> list[dict[str, str]]:
    with (text.parent / "out" / "clips.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_sentences_become_a_set_to_train_on(text: Path, notes: Path) -> None:
    result = synthesize(text, "--takes", 2, "--slowest", 0.9, "--fastest", 1.1)
    assert result.returncode == 0, result.stderr
    rows = rows_of(text)
    said = ["hello world", "one two three", "a b c", "the last one"]
    assert [row["transcript"] for row in rows] == [one for one in said for _ in range(2)]
    for row in rows:
        path = text.parent / "out" / row["wav_filename"]
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, path.suffix) == (16000, 1, ".flac")
        assert info.duration == pytest.approx(float(row["duration"]), abs=1e-3)
        assert path.stat().st_size == int(row["wav_filesize"])
    assert all(a["speaker"] != b["speaker"] for a, b in zip(rows[::2], rows[1::2], strict=True))
    asked = notes.read_text().splitlines()
    assert len(asked) == 8
    assert any(line.endswith("| Hello, world!") for line in asked), "punctuation is read out"
    speeds = [int(line.split()[3]) for line in asked]
    assert 157 <= min(speeds) < max(speeds) <= 193
    for said_so in ("8 clips", "left out: 1 hold digits", "1 hold characters outside the alphabet",
                    "1 are longer than 150 characters", "1 are duplicates"):  # fmt: skip
        assert said_so in result.stdout
    checked = run_command("check", text.parent / "out" / "clips.csv")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_goes_on_where_it_stopped_and_draws_the_same(text: Path, notes: Path) -> None:
    assert synthesize(text).returncode == 0
    before = {path: path.read_bytes() for path in (text.parent / "out").rglob("*.flac")}
    removed = sorted(before)[0]
    removed.unlink()
    listed = rows_of(text)
    assert synthesize(text, "--workers", 1).returncode == 0
    assert len(notes.read_text().splitlines()) == len(before) + 1
    assert removed.read_bytes() == before[removed]
    assert rows_of(text) == listed

    drawn = synthesize(text, "--limit", 2)
    assert "were not chosen (--limit)" in drawn.stdout
    assert len(notes.read_text().splitlines()) == len(before) + 1, "nothing is spoken anew"
    assert len(rows_of(text)) == 2
    other = synthesize(text, "--random_seed", 5)
    assert other.returncode == 0
    assert [row["speaker"] for row in rows_of(text)] != [row["speaker"] for row in listed]


def test_clips_of_somebody_else_are_not_written_over(text: Path, notes: Path) -> None:
    out = text.with_name("own")
    out.mkdir()
    (out / "clips.csv").write_text("wav_filename,transcript\na.wav,mine\n")
    result = synthesize(text, "--out", out)
    assert result.returncode == 2
    assert "was not written by this command" in result.stderr
    assert "mine" in (out / "clips.csv").read_text()
    assert [path.name for path in out.iterdir()] == ["clips.csv"]


def test_what_cannot_be_spoken_is_left_out(text: Path, notes: Path) -> None:
    text.write_text("silence\nnothing\nhello world\n")
    result = synthesize(text)
    assert result.returncode == 0, result.stderr
    assert [row["transcript"] for row in rows_of(text)] == ["hello world"]
    assert "not synthesized: 1: the audio is silent" in result.stdout
    assert "not synthesized: 1: espeak-ng wrote no audio and exited with status 0" in result.stdout

    shutil.rmtree(text.parent / "out")
    none = synthesize(text, "--voices", "klingon")
    assert none.returncode == 2
    assert "voice does not exist; `espeak-ng --voices` lists its languages" in none.stderr
    assert not (text.parent / "out" / "clips.csv").exists()


def test_any_other_program(text: Path, tmp_path: Path) -> None:
    program = tmp_path / "speaker.py"
    program.write_text(
        "import sys, wave\nwith wave.open(sys.argv[2], 'wb') as file:\n"
        "    file.setparams((1, 2, 8000, 0, 'NONE', ''))\n"
        "    file.writeframes(bytes(range(256)) * int(40 * float(sys.argv[1])))\n"
    )
    words = f"{sys.executable} {program} {{slowness}} {{out}}"
    result = synthesize(text, "--command", words, "--audio", "wav", "--slowest", 1, "--fastest", 1)
    assert result.returncode == 0, result.stderr
    assert {row["duration"] for row in rows_of(text)} == {"0.640"}


def test_bad_flags_are_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_command("synthesize", "--slowest", 2)
    assert result.returncode == 2
    assert result.stderr.removeprefix("error: ").splitlines() == [
        "no text; give files of sentences with --text",
        "no language; give --voices, for example uk, or en-us en-gb",
        "--slowest must not be greater than --fastest",
        "no output folder; give --out",
    ]
    text = tmp_path / "text.txt"
    flags = ("--text", text, "--out", tmp_path / "out", "--voices", "uk")
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = run_command("synthesize", *flags)
    assert missing.returncode == 2
    assert "install it with `apt-get install espeak-ng`" in missing.stderr
    assert not (tmp_path / "out").exists()
    other = run_command("synthesize", *flags, "--command", "no-such-program {out}")
    assert "program no-such-program not found" in other.stderr


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_espeak_itself(text: Path) -> None:
    result = synthesize(text)
    assert result.returncode == 0, result.stderr
    assert all(0.3 < float(row["duration"]) < 4 for row in rows_of(text))
