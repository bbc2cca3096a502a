"""The `stt` command."""

import io
import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stt.client import main
from stt_models import ORACLE, SCORERS, SENTENCE, needs_oracle, speech

pytestmark = needs_oracle
MODEL = str(ORACLE / "tflite/cpu_n64_quant.tflite")


def clip(name):
    return str(ORACLE / "wav" / name)


def run(*arguments):
    return main(["--model", MODEL, *arguments])


def test_a_transcript_is_all_that_is_printed(capsys):
    assert run("--audio", clip("LDC93S1.wav")) == 0
    captured = capsys.readouterr()
    assert captured.out == SENTENCE + "\n"
    assert "Loaded model in" in captured.err
    assert "for 2.925s audio file" in captured.err


def test_extended_prints_the_same(capsys):
    assert run("--audio", clip("LDC93S1.wav"), "--extended") == 0
    assert capsys.readouterr().out == SENTENCE + "\n"


def test_json_is_upstreams(capsys):
    assert run("--audio", clip("LDC93S1.wav"), "--json", "--candidate_transcripts", "2") == 0
    transcripts = json.loads(capsys.readouterr().out)["transcripts"]
    assert len(transcripts) == 2
    words = transcripts[0]["words"]
    assert [word["word"] for word in words] == SENTENCE.split()
    assert set(words[0]) == {"word", "start_time", "duration", "confidence"}
    assert all(0 < word["confidence"] <= 1 for word in words)
    assert transcripts[0]["confidence"] > transcripts[1]["confidence"]


def test_json_is_readable_in_any_alphabet_and_on_any_terminal(monkeypatch, capsys):
    from stt import client

    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    word = {"word": "слово"}
    monkeypatch.setattr(client, "_json", lambda metadata: {"transcripts": [{"words": [word]}]})
    assert run("--audio", clip("LDC93S1.wav"), "--json") == 0
    sys.stdout.flush()
    assert '"слово"' in written.getvalue().decode()


def test_a_folder_stands_for_its_audio_files(tmp_path, capsys):
    for name in ("b.WAV", "a.wav", "notes.txt"):
        shutil.copy(clip("LDC93S1.wav"), tmp_path / name)
    assert run("--audio", str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{tmp_path / name}: {SENTENCE}" for name in ("a.wav", "b.WAV")]
    (tmp_path / "none").mkdir()
    assert run("--audio", str(tmp_path / "none")) == 2
    assert "no audio files in this folder" in capsys.readouterr().err


def test_a_file_that_is_cut_off_is_told(tmp_path, caplog):
    content = Path(clip("LDC93S1.wav")).read_bytes()
    cut = tmp_path / "cut.wav"
    cut.write_bytes(content[: len(content) // 2])
    assert run("--audio", str(cut)) == 0
    assert re.search(r"cut.wav: cut off; its header says 2.9\d s, and only 1.4\d s are there",
                     caplog.text)  # fmt: skip
    caplog.clear()
    streamed = tmp_path / "streamed.wav"  # programs that write to a pipe do not know the length
    streamed.write_bytes(content[:40] + b"\xff\xff\xff\xff" + content[44:])
    assert run("--audio", clip("LDC93S1.wav"), str(streamed)) == 0
    assert not caplog.text


def test_commands_of_training_are_reached(capsys):
    assert main(["inspect", "nowhere"]) == 2
    assert "error: nowhere does not exist" in capsys.readouterr().err
    assert main(["trian"]) == 2
    said = capsys.readouterr().err
    assert "stt: unknown command trian; did you mean train? To transcribe" in said
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = " ".join(capsys.readouterr().out.split())
    assert re.search("`stt COMMAND` also runs: .*inspect, .*train, .*evaluate", listed)


@pytest.mark.parametrize("name", ["LDC93S1.flac", "LDC93S1.opus", "LDC93S1_44k_stereo.wav"])
def test_formats_and_rates(name, capsys):
    assert run("--audio", clip(name)) == 0
    assert capsys.readouterr().out.split()[3:8] == SENTENCE.split()[3:8]


def test_several_files_are_named(capsys):
    assert run("--audio", clip("LDC93S1.wav"), clip("newhome.wav"), "--beam_width", "20") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{clip('LDC93S1.wav')}: {SENTENCE}"
    assert second.startswith(clip("newhome.wav") + ": ")


def test_several_files_as_json(capsys):
    assert run("--audio", clip("LDC93S1.wav"), "--audio", clip("newhome.wav"), "--json") == 0
    results = json.loads(capsys.readouterr().out)
    assert [result["audio"] for result in results] == [clip("LDC93S1.wav"), clip("newhome.wav")]
    assert all(len(result["transcripts"]) == 3 for result in results)


def test_the_standard_input(capsys, monkeypatch):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.repeat(speech(), 2), 32000, format="FLAC")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(buffer.getvalue())))
    assert run("--audio", "-") == 0
    assert "dark suit in greasy" in capsys.readouterr().out


def test_subtitles_are_printed_or_written(capsys, tmp_path):
    assert run("--audio", clip("LDC93S1.wav"), "--srt") == 0
    srt = capsys.readouterr().out
    assert srt.startswith("1\n00:00:00,")
    target = tmp_path / "out.vtt"
    assert run("--audio", clip("LDC93S1.wav"), "--vtt", str(target)) == 0
    assert target.read_text().startswith("WEBVTT\n")
    folder = tmp_path / "all"
    clips = (clip("LDC93S1.wav"), clip("newhome.wav"))
    assert run("--audio", *clips, "--srt", "--tsv", "--txt", "--output_dir", str(folder)) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}.{kind}" for name in ("LDC93S1", "newhome") for kind in ("srt", "tsv", "txt")
    ]
    assert (folder / "LDC93S1.srt").read_text() == srt
    assert SENTENCE.split()[3:] == (folder / "LDC93S1.txt").read_text().split()[-8:]


def test_long_audio_has_the_subtitles_of_transcribe_and_none_over_a_pause(tmp_path, capsys):
    from coqui_stt_training.transcribe import main as transcribe

    audio = tmp_path / "long.wav"
    quiet = np.random.default_rng(0).normal(0, 3, 16000).astype(np.int16)
    soundfile.write(
        audio, np.concatenate([speech(), quiet, speech(), quiet, quiet, speech()]), 16000
    )
    assert run("--audio", str(audio), "--srt") == 0
    srt = capsys.readouterr().out
    assert transcribe(["--model", MODEL, "--src", str(audio), "--subtitles", "srt"]) == 0
    assert audio.with_suffix(".srt").read_text() == srt
    assert srt.count("dark suit in greasy") == 3
    times = re.findall(r"00:00:(\S+) --> 00:00:(\S+)", srt)
    cues = [[float(time.replace(",", ".")) for time in pair] for pair in times]
    seconds = len(speech()) / 16000
    for start, end in ((seconds, seconds + 1), (2 * seconds + 1, 2 * seconds + 3)):
        assert not [cue for cue in cues if cue[0] < start and cue[1] > end]


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_broken_file_does_not_stop_the_others(flags, capsys):
    assert run("--audio", "missing.wav", clip("LDC93S1.wav"), __file__, *flags) == 2
    captured = capsys.readouterr()
    assert clip("LDC93S1.wav") in captured.out
    assert "stt: missing.wav: no such file" in captured.err
    assert "not an audio file" in captured.err
    assert captured.err.endswith("stt: 2 of 3 files could not be transcribed, see above\n")


def test_a_port_that_is_none_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["serve", "--model", MODEL, "--port", "99999"])
    assert "99999: must be from 0 to 65535" in capsys.readouterr().err


def test_scorer_flags_act(capsys):
    scorer = str(SCORERS / "smoke_word.scorer")
    assert run("--audio", clip("newhome.wav"), "--scorer", scorer) == 0
    plain = capsys.readouterr().out
    flags = ("--scorer", scorer, "--lm_alpha", "0", "--lm_beta", "0")
    assert run("--audio", clip("newhome.wav"), *flags) == 0
    assert capsys.readouterr().out != plain
    assert run("--audio", clip("newhome.wav"), "--scorer", scorer, "--hot_words", "had:20") == 0
    assert "had" in capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--audio FILE"),
        (("--audio", "missing.wav"), "missing.wav: no such file"),
        (("--audio", __file__), "not an audio file"),
        (("--audio", "a.wav", "--mic"), "exclude each other"),
        (("--audio", "a.wav", "--lm_alpha", "1"), "without --scorer"),
        (("--audio", "a.wav", "--hot_words", "a:1"), "without --scorer"),
        (("--audio", "a.wav", "--scorer", "s", "--hot_words", "a"), "WORD:BOOST"),
        (("--audio", "a.wav", "b.wav", "--srt"), "--output_dir"),
        (("--audio", "a.wav", "b.wav", "--srt", "c.srt", "--output_dir", "d"), "--srt c.srt"),
        (("--audio", "a/x.wav", "b/x.flac", "--srt", "--output_dir", "d"), "have the same name, x"),
        (("--audio", "a.wav", "--json", "--srt"), "--json"),
        (("--audio", "a.wav", "--output_dir", "d"), "--srt"),
        (("--audio", "a.wav", "--scorer", "missing.scorer"), "missing.scorer"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, message, capsys):
    assert run(*arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("stt: ")
    assert message in error


def test_a_broken_model_is_told_in_one_line(capsys, tmp_path):
    assert main(["--model", str(tmp_path / "none.tflite"), "--audio", "a.wav"]) == 2
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--srt", "FILE/a.srt"], ["--vtt", "--output_dir", "FILE"]])
def test_places_that_cannot_be_written_are_found_before_the_model_is_loaded(
    flags, tmp_path, capsys
):
    (tmp_path / "file").touch()
    flags = [flag.replace("FILE", str(tmp_path / "file")) for flag in flags]
    assert main(["--model", "none.tflite", "--audio", "a.wav", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"stt: {flags[-2]} ")
    assert "is a file" in error


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("Coqui STT ")
