"""`python -m coqui_stt_training.transcribe`."""

import json
import shutil

import numpy as np
import pytest
import soundfile
import soxr

from coqui_stt_training.errors import FlagError, UserError
from coqui_stt_training.transcribe import main
from coqui_stt_training.transcribing.tasks import find_tasks
from stt.audio.voice_activity import FRAME_MILLISECONDS, LONGEST_SEGMENT_SECONDS, split_speech
from stt_models import ORACLE, needs_oracle, noise, speech, write_random_model

pytest.importorskip("webrtcvad")
MODEL = str(ORACLE / "tflite/cpu_n64_quant.tflite")
MIDDLE = "dark suit in greasy"


@pytest.fixture
def recording(tmp_path):
    """Return a recording of the sentence, three times with silence before each."""
    quiet = np.zeros(2 * 16000, np.int16)
    path = tmp_path / "recording.wav"
    soundfile.write(
        path, np.concatenate([quiet, speech(), quiet, speech(), quiet, speech()]), 16000
    )
    return path


@needs_oracle
def test_a_recording_becomes_a_log_in_upstreams_form(recording):
    assert main(["--model", MODEL, "--src", str(recording)]) == 0
    entries = json.loads(recording.with_suffix(".tlog").read_text())
    assert len(entries) == 3
    assert all(set(entry) == {"start", "end", "transcript"} for entry in entries)
    assert all(MIDDLE in entry["transcript"] for entry in entries)
    for entry, start in zip(entries, (2000, 6925, 11850), strict=True):
        assert abs(entry["start"] - start) < 350
        assert entry["end"] - entry["start"] > 2400


@needs_oracle
def test_words_and_subtitles_count_from_the_start_of_the_recording(recording):
    flags = ["--word_times", "true", "--subtitles", "srt", "vtt"]
    assert main(["--model", MODEL, "--src", str(recording), *flags]) == 0
    entries = json.loads(recording.with_suffix(".tlog").read_text())
    for entry in entries:
        words = entry["words"]
        assert [word["word"] for word in words] == entry["transcript"].split()
        assert entry["start"] / 1000 <= words[0]["start"] < words[-1]["start"] < entry["end"] / 1000
    assert "\n00:00:06," in recording.with_suffix(".srt").read_text()  # the second, at 6.925 s
    assert recording.with_suffix(".vtt").read_text().startswith("WEBVTT")


@needs_oracle
def test_folders_are_mirrored_and_finished_files_skipped(recording, tmp_path, capsys):
    src, dst = tmp_path / "src", tmp_path / "dst"
    (src / "deep").mkdir(parents=True)
    shutil.copy(recording, src / "a.wav")
    shutil.copy(ORACLE / "wav/LDC93S1.opus", src / "deep/b.opus")
    (src / "notes.txt").write_text("no audio")
    command = ["--model", MODEL, "--src", str(src), "--dst", str(dst)]
    assert main(command) == 0
    assert [path.name for path in dst.rglob("*.tlog")] == ["a.tlog"]
    (dst / "a.tlog").write_text("done before")
    assert main([*command, "--recursive", "true"]) == 0
    assert (dst / "a.tlog").read_text() == "done before"
    assert json.loads((dst / "deep/b.tlog").read_text())
    with pytest.raises(UserError, match="1 log could not be converted to subtitles, see above"):
        main([*command, "--recursive", "true", "--subtitles", "srt"])
    assert "a.tlog: not a transcription log" in capsys.readouterr().err
    assert (dst / "deep/b.srt").is_file()
    assert main([*command, "--recursive", "true", "--force", "true"]) == 0
    assert len(json.loads((dst / "a.tlog").read_text())) == 3


@needs_oracle
@pytest.mark.parametrize("word_times", ["false", "true"])
def test_a_finished_file_is_skipped_and_its_subtitles_are_made_of_its_log(
    word_times, recording, capsys
):
    command = ["--src", str(recording), "--word_times", word_times]
    assert main([*command, "--model", MODEL, "--subtitles", "vtt"]) == 0
    assert main(command) == 0, "no model is needed for what is done"
    assert "exists already, skipped" in capsys.readouterr().err
    log = recording.with_suffix(".tlog").read_bytes()
    vtt = recording.with_suffix(".vtt").read_text()
    recording.with_suffix(".vtt").unlink()
    assert main([*command, "--subtitles", "vtt", "txt"]) == 0
    assert recording.with_suffix(".tlog").read_bytes() == log
    again = recording.with_suffix(".vtt").read_text()
    if word_times == "true":
        assert again == vtt
    assert recording.with_suffix(".txt").read_text().count(MIDDLE) == 3
    assert "00:00:06." in again, "no cue over a pause"


@needs_oracle
def test_recordings_and_logs_may_lie_at_urls(recording, tmp_path, capsys):
    store = pytest.importorskip("fsspec").filesystem("memory")
    store.pipe("/bucket/speech/a.wav", recording.read_bytes())
    store.pipe("/bucket/speech/deep/b.WAV", recording.read_bytes())
    store.pipe("/bucket/speech/broken.wav", b"RIFF, or is it")
    store.pipe("/bucket/speech/notes.txt", b"no audio")
    command = ["--model", MODEL, "--src", "memory://bucket/speech", "--recursive", "true"]
    command += ["--subtitles", "srt"]
    with pytest.raises(UserError, match=r"1 of 3 files .*\n.*//bucket/speech/broken.wav: no"):
        main([*command, "--dst", "memory://bucket/logs/"])
    assert sorted(store.find("/bucket/logs")) == [
        f"/bucket/logs/{name}" for name in ("a.srt", "a.tlog", "deep/b.srt", "deep/b.tlog")
    ]
    assert main(["--model", MODEL, "--src", str(recording), "--subtitles", "srt"]) == 0
    for suffix in (".tlog", ".srt"):
        log = recording.with_suffix(suffix).read_bytes()
        assert store.cat(f"/bucket/logs/deep/b{suffix}") == log
    store.rm("/bucket/logs/a.srt")
    store.rm("/bucket/speech/broken.wav")
    capsys.readouterr()
    assert main([*command, "--dst", "memory://bucket/logs"]) == 0
    assert capsys.readouterr().err.count("exists already, skipped") == 2
    assert store.exists("/bucket/logs/a.srt")
    assert main([*command[:4], "--dst", str(tmp_path / "here")]) == 0
    assert (tmp_path / "here/a.tlog").is_file()
    assert main(["--model", MODEL, "--src", "memory://bucket/speech/a.wav"]) == 0
    assert store.exists("/bucket/speech/a.tlog")
    store.rm("/bucket", recursive=True)


@needs_oracle
def test_a_catalog_names_its_files(recording, tmp_path):
    entries = [{"audio": recording.name, "tlog": "logs/one.tlog"}]
    catalog = tmp_path / "work.catalog"
    catalog.write_text(json.dumps(entries))
    assert main(["--model", MODEL, "--src", str(catalog)]) == 0
    assert len(json.loads((tmp_path / "logs/one.tlog").read_text())) == 3


@needs_oracle
def test_a_broken_file_does_not_stop_the_others(recording, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF, or is it")
    with pytest.raises(UserError, match="1 of 2 files could not be transcribed"):
        main(["--model", MODEL, "--src", str(tmp_path)])
    assert recording.with_suffix(".tlog").is_file()
    assert not (tmp_path / "broken.tlog").exists()


@needs_oracle
@pytest.mark.parametrize("batch", [("1", "1"), ("2", "3")])
def test_a_checkpoint_gives_what_its_export_gives(recording, tmp_path, batch):
    pytest.importorskip("torch")
    logs = [tmp_path / "checkpoint.tlog", tmp_path / "export.tlog"]
    flags = ["--src", str(recording), "--beam_width", "50", "--outlier_duration_ms", "2800"]
    size = ["--batch_size", batch[0], "--outlier_batch_size", batch[1]]
    model = str(ORACLE / "tflite/cpu_n64_float.tflite")
    checkpoint = str(ORACLE / "ckpt/cpu_n64")
    assert main([*flags, *size, "--checkpoint_dir", checkpoint, "--dst", str(logs[0])]) == 0
    assert main([*flags, "--model", model, "--dst", str(logs[1])]) == 0
    assert json.loads(logs[0].read_text()) == json.loads(logs[1].read_text())


def test_mistakes_are_told(tmp_path):
    audio = tmp_path / "a.wav"
    soundfile.write(audio, noise(1), 16000)
    audio.with_suffix(".tlog").write_text("[]")
    (tmp_path / "bad.catalog").write_text('[{"audio": "a.wav"}]')
    (tmp_path / "empty").mkdir()
    for places, message in (
        (("",), r"--src \(not given\)"),
        ((str(tmp_path / "none"),), "that exists"),
        ((str(tmp_path / "bad.catalog"),), "`tlog`"),
        ((str(tmp_path / "bad.catalog"), "x"), "names the logs itself"),
        ((str(tmp_path), str(audio)), "must be a folder"),
        ((str(tmp_path / "empty"),), "no audio files in this folder"),
        (("memory://nowhere",), "memory://nowhere: no such file or folder"),
        (("https://example.org/a.wav",), r"--dst \(not given\): logs cannot be written"),
    ):
        with pytest.raises(FlagError, match=message):
            find_tasks(*places)
    with pytest.raises(FlagError, match="vad_aggressiveness"):
        main(["--src", str(audio), "--vad_aggressiveness", "4"])
    with pytest.raises(FlagError, match="--subtitles doc"):
        main(["--src", str(audio), "--subtitles", "doc"])
    audio.with_suffix(".tlog").unlink()
    with pytest.raises(FlagError, match="no model"):
        main(["--src", str(audio)])


def test_places_and_rates_that_will_not_do(tmp_path, capsys):
    audio = tmp_path / "a.wav"
    soundfile.write(audio, noise(1), 8000)
    command = ["--model", str(write_random_model(tmp_path)), "--src", str(audio)]
    with pytest.raises(FlagError, match=f"--dst {audio}: is a file; give a folder"):
        main([*command, "--dst", f"{audio}/log.tlog"])
    with pytest.raises(UserError, match="1 of 1 file could not"):
        main([*command, "--normalize_sample_rate", "false"])
    assert "a.wav has 8000 Hz, the model 16000 Hz" in capsys.readouterr().err
    assert main(command) == 0
    (tmp_path / "logs").mkdir()
    assert main([*command, "--dst", str(tmp_path / "logs")]) == 0
    assert (tmp_path / "logs" / "a.tlog").is_file()


def test_help_has_what_acts_and_the_other_flags_are_accepted(tmp_path, capsys):
    audio = tmp_path / "quiet.wav"
    soundfile.write(audio, np.zeros(16000, np.int16), 16000)
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    idle = ["--cutoff_top_n", "--checkpoint_secs", "--summary_dir", "--load_cudnn", "--run"]
    assert not [flag for flag in idle if flag in text]
    model = str(write_random_model(tmp_path))
    assert main(["--model", model, "--src", str(audio), "--cutoff_top_n", "9", "--epochs=3"]) == 0
    assert "I no effect on transcribe: --cutoff_top_n, --epochs" in capsys.readouterr().err


def test_silence_has_an_empty_log(tmp_path):
    audio = tmp_path / "quiet.wav"
    soundfile.write(audio, np.zeros(32000, np.int16), 16000)
    assert main(["--model", str(write_random_model(tmp_path)), "--src", str(audio)]) == 0
    assert json.loads(audio.with_suffix(".tlog").read_text()) == []


@needs_oracle
def test_segments_do_not_depend_on_blocks_and_cover_what_is_said():
    quiet = np.zeros(16000, np.int16)
    audio = np.concatenate([quiet, speech(), quiet, quiet, speech()])
    whole = list(split_speech([audio], 16000, 3))
    pieces = list(split_speech(np.array_split(audio, 97), 16000, 3))
    assert len(whole) == 2
    for a, b in zip(whole, pieces, strict=True):
        assert (a.start_milliseconds, a.end_milliseconds) == (
            b.start_milliseconds,
            b.end_milliseconds,
        )
        assert np.array_equal(a.samples, b.samples)
        start = a.start_milliseconds * 16
        inside = audio[start : start + len(a.samples)]
        assert np.array_equal(a.samples[: len(inside)], inside)
        assert a.duration_milliseconds % FRAME_MILLISECONDS == 0


@needs_oracle
def test_endless_speech_is_cut():
    loud = speech()[3000:-3000]
    segments = list(split_speech((loud for _ in range(50)), 16000, 0))
    assert max(segment.duration_milliseconds for segment in segments) <= (
        LONGEST_SEGMENT_SECONDS * 1000
    )


@needs_oracle
@pytest.mark.parametrize("rate_hz", [11025, 22050, 44100])
def test_speech_is_found_at_any_rate(rate_hz):
    audio = np.concatenate([speech(), np.zeros(16000, np.int16)] * 3)
    other = np.asarray(soxr.resample(audio, 16000, rate_hz), np.int16)
    for expected, found in zip(
        split_speech([audio], 16000, 2), split_speech([other], rate_hz, 2), strict=True
    ):
        assert abs(expected.start_milliseconds - found.start_milliseconds) <= 150
        assert abs(expected.end_milliseconds - found.end_milliseconds) <= 150
        assert len(found.samples) * 1000 / rate_hz == pytest.approx(
            found.duration_milliseconds, abs=1
        )
