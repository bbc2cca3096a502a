"""`bootstrap`: from the tour's speech to a model; when killed, resumed, or given bad input."""

from __future__ import annotations

import csv
import errno
import json
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

import stt
from command_runner import Result, run_command, start_process
from encoder_folders import write_whisper

from .conftest import ToneCorpus

TOUR = Path(__file__).parents[2] / "examples" / "tour"
STAGES = (
    "split",
    "speak",
    "check",
    "choose",
    "train",
    "scorer",
    "tune",
    "export",
    "evaluate",
    "report",
)
# A synthesiser that writes one second of a tone, whatever the text.
SPEAKER = """
import sys, wave
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(bytes(20) + bytes(range(0, 160, 5)) * 999)
    file.writeframes(bytes(32000 - 20 - 32 * 999))
"""
SMALL = (
    "--epochs", 1, "--train_batch_size", 8, "--dev_batch_size", 24, "--test_batch_size", 24,
    "--beam_width", 16, "--intra_op_parallelism_threads", 1, "--n_trials", 2,
)  # fmt: skip


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Return a CSV file of 60 clips of the tour's Ukrainian, in its own folder."""
    folder = tmp_path / "speech"
    folder.mkdir()
    with (TOUR / "ukrainian" / "train.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[:60]
    for row in rows:
        row["wav_filename"] = str(TOUR / "ukrainian" / row["wav_filename"])
    write_rows(folder / "clips.csv", rows)
    return folder / "clips.csv"


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["wav_filename", "wav_filesize", "transcript"])
        writer.writeheader()
        writer.writerows(rows)


def bootstrap(data: object, *flags: object) -> Result:
    return run_command("bootstrap", data, *flags)


def done_before(output: str) -> list[str]:
    return re.findall(r"=== \d+/10 (\w+): .*: done before", output)


def test_a_kill_costs_one_stage_and_nothing_else(
    speech: Path, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "model"
    words = (speech, "--source", source, "--out", out, *SMALL)
    process = start_process("bootstrap", *words)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("=== 6/10"):  # training is recorded as done
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert set(json.loads((out / "bootstrap.json").read_bytes())["stages"]) == set(STAGES[:5])
    (out / "scorer" / ".scorer-of-the-killed").mkdir(parents=True, exist_ok=True)

    result = bootstrap(*words)
    assert result.returncode == 0, result.stderr
    assert done_before(result.stdout) == list(STAGES[:5])
    assert "STARTING Optimization" not in result.stdout
    commands = re.findall(r"^\$ python -m coqui_stt_training\.(\S+) ", result.stdout, re.MULTILINE)
    assert f"path        {out}/training/" in run_command("inspect", out).stdout
    assert commands[:6] == [
        "lm.build_scorer", "lm.build_scorer", "util.lm_optimize", "util.lm_optimize", "export",
        "evaluate",
    ]  # fmt: skip
    assert "Trial 1" not in result.stdout
    assert re.search(r"^Scorer of the final model: with", result.stdout, re.MULTILINE)
    chosen = json.loads((out / "bootstrap.json").read_bytes())["stages"]["tune"]["found"]
    delivered = {path.name for path in (out / "export").glob("*.scorer")}
    assert delivered == ({f"{chosen['kind']}.scorer"} if chosen["kind"] else set())
    assert {path.name for path in (out / "scorer").glob("*.scorer")} == {
        "words.scorer", "characters.scorer"
    }  # fmt: skip
    trials = json.loads((out / "scorer" / "characters.scorer.json").read_bytes())["trials"]
    assert len(trials) == 2
    assert not list((out / "scorer").glob(".*"))
    with stt.Model(str(out / "export" / "output_graph.tflite")) as model:
        assert model.sampleRate() == 16000
    page = (out / "report.html").read_text("utf-8")
    assert "Scorers on the dev set" in page
    for kind in ("without", *(["with"] if chosen["kind"] else [])):
        rates = re.search(rf"Test set, {kind} scorer: CER (\d\.\d+), WER (\d\.\d+)", result.stdout)
        assert rates is not None
        shown = [float(rate) for rate in re.findall(r"(\d+\.\d)%", page)]
        assert any(rate == pytest.approx(100 * float(rates[1]), abs=0.06) for rate in shown)
        assert (out / "evaluation" / f"{kind}-scorer.html").is_file()
    assert "stt serve --model" in page

    again = bootstrap(*words)
    assert again.returncode == 0, again.stderr
    assert done_before(again.stdout) == list(STAGES)
    assert again.stdout.endswith(f"what to do next: {out}/report.html\n")
    (out / "report.html").unlink()
    mended = bootstrap(*words)
    assert done_before(mended.stdout) == list(STAGES[:-1])
    assert f"{out}/report.html no longer exists. Repeating: report" in mended.stdout
    assert (out / "report.html").is_file()
    record = json.loads((out / "bootstrap.json").read_bytes())
    record["stages"]["train"]["found"] = {}
    del record["stages"]["scorer"]
    (out / "bootstrap.json").write_text(json.dumps(record))
    damaged = bootstrap(*words)
    assert damaged.returncode == 2
    assert "bootstrap.json is damaged (the stage train has no folder)" in damaged.stderr


def test_what_has_changed_is_said_and_done_anew(speech: Path, source: Path, tmp_path: Path) -> None:
    out, text = tmp_path / "model", tmp_path / "more.txt"
    words = (speech, "--source", source, "--out", out, *SMALL)
    first = bootstrap(*words)
    assert first.returncode == 0, first.stderr

    text.write_text("один два три\nпринеси чорний м'яч\n", encoding="utf-8")
    texted = bootstrap(*words, "--text", text)
    assert texted.returncode == 0, texted.stderr
    assert done_before(texted.stdout) == list(STAGES[:5])
    assert "the text changed since this was made. Repeating: scorer, tune, " in texted.stdout

    longer = bootstrap(*words, "--text", text, "--epochs", 2, "--export_dir", "elsewhere")
    assert longer.returncode == 2
    assert "unknown flag --export_dir" in longer.stderr
    longer = bootstrap(*words, "--text", text, "--epochs", 2)
    assert longer.returncode == 0, longer.stderr
    assert "the flags changed since this was made. Repeating: check, " in longer.stdout
    assert "Epoch 2 of 2 is done" in longer.stdout
    assert (out / "training").is_dir()
    assert (out / "training-2").is_dir()

    speaker = tmp_path / "speaker.py"
    speaker.write_text(SPEAKER)
    reader = f"{sys.executable} {speaker} {{out}}"
    spoken = bootstrap(*words, "--text", text, "--epochs", 2, "--synthesiser", reader)
    assert spoken.returncode == 0, spoken.stderr
    assert "what is read out changed since this was made. Repeating: speak, " in spoken.stdout
    clips = out / "speech" / "clips.csv"
    assert f"{clips}: 2 clips, " in spoken.stdout
    trained = re.findall(r"^\$ python -m coqui_stt_training\.train .*", spoken.stdout, re.MULTILINE)
    assert len(trained) == 2  # the check and the training
    assert f"train.csv {clips}:0.6 " in trained[1]
    assert (out / "training-3").is_dir()
    silent = bootstrap(*words, "--text", text, "--epochs", 2)
    assert silent.returncode == 0, silent.stderr
    assert "what is read out changed since this was made. Repeating: speak, " in silent.stdout
    assert "STARTING Optimization" not in silent.stdout  # its model exists already


def test_the_better_of_two_sources_is_found_in_trials(
    latin: ToneCorpus, source: Path, tmp_path: Path
) -> None:
    untrained = tmp_path / "untrained"
    made = run_command(
        "train", "--checkpoint_dir", untrained, *latin.flags[:4], "--n_hidden", 32,
        "--train_batch_size", 8, "--limit_train", 8, "--epochs", 1,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    data = tmp_path / "data"
    shutil.copytree(latin.train.parent, data)
    result = bootstrap(
        data,
        "--source",
        untrained,
        source,
        "--probe_epochs",
        1,
        "--out",
        tmp_path / "model",
        *SMALL,
    )
    assert result.returncode == 0, result.stderr
    assert f"Best source: {source}\n" in result.stdout
    assert "Recordings in both" not in result.stdout + result.stderr
    assert f"--load_checkpoint_dir {source} --save_checkpoint_dir {tmp_path}/model/training " in (
        result.stdout
    )  # all layers are kept, because the alphabet is the same
    page = (tmp_path / "model" / "report.html").read_text("utf-8")
    assert "Comparison of sources" in page


def test_an_encoder_is_trained_by_its_recipe_and_becomes_onnx(
    latin: ToneCorpus, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    data, encoder = tmp_path / "data", write_whisper(tmp_path / "whisper")
    shutil.copytree(latin.train.parent, data)
    result = bootstrap(
        data, "--source", encoder, "--out", tmp_path / "model", *SMALL, "--epochs", 3,
        "--unfreeze_wait_epochs", 1,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert re.search(r"Recipe encoder-\w+@\d+ ", result.stdout)
    assert "STARTING Optimization" in result.stdout
    exported = sorted(path.suffix for path in (tmp_path / "model" / "export").iterdir())
    assert exported == [".md", ".onnx"]
    assert "Continuing without a scorer of words: the alphabet has no space" in result.stdout
    assert "No scorer of words: the alphabet has no space" in (
        (tmp_path / "model" / "report.html").read_text("utf-8")
    )
    assert re.search(r"^\$ stt --model \S+\.onnx ", result.stdout, re.MULTILINE)


def test_from_scratch_where_that_is_asked_for(latin: ToneCorpus, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "model"
    shutil.copytree(latin.train.parent, data)
    result = bootstrap(data, "--source", "scratch", "--out", out, "--n_hidden", 16, *SMALL)
    assert result.returncode == 0, result.stderr
    assert "No comparison of sources: from scratch" in result.stdout
    assert "--load_checkpoint_dir" not in result.stdout
    assert f"Alphabet of 4 characters: {out / 'alphabet.txt'}" in result.stdout
    assert "from scratch" in (out / "report.html").read_text("utf-8")


def test_all_that_is_wrong_is_said_at_once(speech: Path, tmp_path: Path) -> None:
    other, english = tmp_path / "other", tmp_path / "english.txt"
    other.mkdir()
    (other / "thesis.doc").write_text("mine")
    english.write_text("words of another script\n")
    result = bootstrap(
        speech, "--source", "/no/such/model", "--source", "/nor/such", "--out", other, "--text",
        english, "--train_files", "a.csv",
    )  # fmt: skip
    assert result.returncode == 2
    lines = result.stderr.removeprefix("error: ").splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "--train_files", f"--out {other}", "--source /no/such/model", "--source /nor/such",
        f"--text {english}",
    ]  # fmt: skip
    assert "is in another script than the transcripts" in lines[-1]
    assert sorted(path.name for path in speech.parent.iterdir()) == ["clips.csv"]
    assert [path.name for path in other.iterdir()] == ["thesis.doc"]


def test_what_is_wrong_with_reading_out_is_said_before_anything_is_made(
    speech: Path, source: Path, tmp_path: Path
) -> None:
    words = (speech, "--source", source, "--out", tmp_path / "model")
    textless = bootstrap(*words, "--voices", "uk", "--synthesiser", "no-such-program")
    assert textless.returncode == 2
    assert textless.stderr.splitlines() == [
        "error: no text; give files of sentences with --text",
        "--synthesiser no-such-program: must contain {out}, where the WAV file goes",
    ]
    homeless = bootstrap(speech, "--source", source, "--voices", "uk")
    assert homeless.stderr.splitlines() == [
        "error: no output folder; give --out",
        "no text; give files of sentences with --text",
    ]
    text = tmp_path / "more.txt"
    text.write_text("один два три\n", encoding="utf-8")
    missing = bootstrap(*words, "--text", text, "--synthesiser", "no-such-program {out}")
    assert missing.returncode == 2
    assert missing.stderr.startswith("error: --synthesiser: program no-such-program not found")
    assert not (tmp_path / "model").exists()


def test_without_a_source_it_names_some(speech: Path, tmp_path: Path) -> None:
    result = bootstrap(speech, "--out", tmp_path / "model")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "no --source, and a model from scratch needs far more speech" in line
    assert "hisper" in line
    assert line.endswith("or --source scratch")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "no such file or folder"),
        (0, "folder is empty"),
        (2, "2 rows cannot be split into 3 sets; give 20 or more"),
        (19, "19 rows cannot be split into 3 sets; give 20 or more"),
        (-24, "has 0 clips with text, but at least 20 are needed"),
    ],
)
def test_data_that_is_too_little(
    speech: Path, source: Path, tmp_path: Path, rows: int | None, said: str
) -> None:
    folder = tmp_path / "data"
    if rows is not None:
        folder.mkdir()
    if rows:
        with speech.open(encoding="utf-8") as file:
            kept = list(csv.DictReader(file))[: abs(rows)]
        if rows < 0:
            kept = [{**row, "transcript": " "} for row in kept]
        write_rows(folder / "clips.csv", kept)
    result = bootstrap(folder, "--source", source, "--out", tmp_path / "model")
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert said in line
    assert not (tmp_path / "model").exists()


def test_recordings_on_a_disk_that_cannot_be_written_to(
    speech: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tempfile.TemporaryFile

    def refused(dir: Path) -> object:  # noqa: A002
        if dir == speech.parent:
            raise OSError(errno.EROFS, "Read-only file system")
        return real(dir=dir)

    monkeypatch.setattr("stt.output_path.tempfile.TemporaryFile", refused)
    result = bootstrap(speech, "--source", source, "--out", tmp_path / "model")
    assert result.returncode == 2
    assert f"{speech}: the sets are written beside the collection" in result.stderr
    assert f"cp -rs {speech.parent} my-data" in result.stderr


def test_clips_that_cannot_be_used_are_said_of_the_files_that_the_user_has(
    source: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    with (TOUR / "ukrainian" / "train.csv").open(encoding="utf-8") as file:
        for number, row in zip(range(24), csv.DictReader(file), strict=False):
            shutil.copy(TOUR / "ukrainian" / row["wav_filename"], folder / f"{number}.flac")
            (folder / f"{number}.txt").write_text(row["transcript"], encoding="utf-8")
    (folder / "5.txt").write_bytes("слово".encode("cp1251"))
    (folder / "6.txt").write_text("\n", encoding="utf-8")
    (folder / "7.flac").write_bytes(b"")
    result = bootstrap(folder, "--source", source, "--out", tmp_path / "model", *SMALL)
    assert result.returncode == 2
    assert "error: 3 of 24 rows cannot be used" in result.stderr
    assert f"{folder / '5.txt'}:1: not UTF-8" in result.stderr
    assert f"{folder / '6.txt'}:1: 6.flac has none" in result.stderr
    assert f"{folder / '7.txt'}:1: {folder / '7.flac'}: the file is empty" in result.stderr


def test_a_damaged_record_is_no_traceback(speech: Path, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    out.mkdir()
    for content in ("{", "[]", '{"version": 9}', '{"version": 1, "stages": {"split": 3}}',
                    '{"version": 1, "stages": {}, "places": {"training:x": "../.."}}'):  # fmt: skip
        (out / "bootstrap.json").write_text(content)
        result = bootstrap(speech, "--source", source, "--out", out)
        assert result.returncode == 2
        assert f"{out / 'bootstrap.json'} is damaged" in result.stderr
        assert len(result.stderr.splitlines()) == 1
