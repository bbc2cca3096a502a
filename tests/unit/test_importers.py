"""The names that upstream's importers and scripts import, and need to run."""

from __future__ import annotations

import argparse
import csv
import http.server
import io
import re
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile

from command_runner import run_command
from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import CorpusRules, check_corpus
from coqui_stt_training.errors import AudioError, CorpusError, FlagError, UserError
from coqui_stt_training.util import audio, helpers
from coqui_stt_training.util.augmentations import (
    NormalizeSampleRate,
    apply_sample_augmentations,
    parse_augmentation,
    parse_augmentations,
)
from coqui_stt_training.util.auto_input import (
    create_alphabet_from_sources,
    create_datasets_from_auto_input,
)
from coqui_stt_training.util.downloader import SIMPLE_BAR, maybe_download
from coqui_stt_training.util.evaluate_tools import calculate_and_print_report, wer_cer_batch
from coqui_stt_training.util.importers import (
    get_counter,
    get_imported_samples,
    get_importers_parser,
    get_validate_label,
    print_import_report,
    validate_label_eng,
)
from coqui_stt_training.util.sample_collections import (
    SDB,
    CSVWriter,
    DirectSDBWriter,
    LabeledSample,
    TarWriter,
    samples_from_source,
    samples_from_sources,
)
from coqui_stt_training.util.stm import parse_stm_file
from coqui_stt_training.util.text import levenshtein, text_to_char_array
from stt.frontends.mfcc_config import FeatureConfig

RATE_HZ = 16000


def tone(seconds: float, rate_hz: int = RATE_HZ) -> np.ndarray:
    return 0.3 * np.sin(np.arange(int(seconds * rate_hz)) * 440 * 2 * np.pi / rate_hz)


class Server(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path != "/cut-off":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")
        return None


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Yield the URL of a web server and the folder that it serves."""
    folder = tmp_path / "published"
    folder.mkdir()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Server, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_importer_of_one_published_clip(
    published: tuple[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address, folder = published
    soundfile.write(folder / "LDC.wav", tone(3), RATE_HZ)
    (folder / "LDC.txt").write_text("0 46797 She had your dark suit.\n")
    data = str(tmp_path / "data") + "/"
    for _ in range(2):
        clip = maybe_download("LDC.wav", data, f"{address}/LDC.wav")
        text = maybe_download("LDC.txt", data, f"{address}/LDC.txt")
    assert capsys.readouterr().out.count("not downloading") == 2
    assert clip == f"{data}LDC.wav"
    transcript = validate_label_eng(" ".join(Path(text).read_text().split()[2:]))
    with Path(data, "ldc.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["wav_filename", "wav_filesize", "transcript"])
        writer.writerow([Path(clip).resolve(), Path(clip).stat().st_size, transcript])
    alphabet = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz")
    corpus = check_corpus(CorpusRules(alphabet, FeatureConfig()), train=[f"{data}ldc.csv"])
    assert [made.transcript for made in corpus.train[0].clips] == ["she had your dark suit"]


def test_downloads_that_fail_leave_nothing(published: tuple[str, Path], tmp_path: Path) -> None:
    address, _ = published
    for name in ("missing", "cut-off"):
        with pytest.raises(CorpusError, match=f"{name} cannot be downloaded"):
            maybe_download("file", tmp_path / "data", f"{address}/{name}")
    with pytest.raises(CorpusError, match="only http"):
        maybe_download("file", tmp_path / "data", "file:///etc/passwd")
    assert list((tmp_path / "data").iterdir()) == []
    assert isinstance(SIMPLE_BAR, list)


def test_an_importer_in_the_manner_of_common_voice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = {"ok": ("Guten Tag!", 2.0), "digits": ("Tag 12", 2.0), "short": ("sehr lang", 0.1),
                 "long": ("Tag", 11.0), "broken": ("Tag", 0.0)}  # fmt: skip
    for name, (_, seconds) in sentences.items():
        if seconds:
            soundfile.write(tmp_path / f"{name}.flac", tone(seconds, 48000), 48000)
        else:
            (tmp_path / f"{name}.flac").write_bytes(b"no audio")
    args = get_importers_parser("Import").parse_args([])
    validate, counter, rows = get_validate_label(args), get_counter(), []
    for name, (sentence, _) in sentences.items():
        wav = tmp_path / f"{name}.wav"
        frames, one = 0, get_counter()
        try:
            audio.convert_audio(tmp_path / f"{name}.flac", wav, file_type="wav")
            frames = audio.get_num_samples(wav.stat().st_size - 44)
        except AudioError:
            pass
        label = validate(sentence)
        reason = ("failed" if not frames else "invalid_label" if label is None
                  else "too_short" if frames / RATE_HZ * 50 < len(label)
                  else "too_long" if frames / RATE_HZ > 10 else "")  # fmt: skip
        if reason:
            one[reason] += 1
        else:
            rows.append((wav.name, wav.stat().st_size, label))
            one["imported_time"] += frames
        one["all"] += 1
        one["total_time"] += frames
        counter += one
    assert rows == [("ok.wav", rows[0][1], "guten tag")]
    assert get_imported_samples(counter) == 1
    print_import_report(counter, RATE_HZ, 10)
    out = capsys.readouterr().out
    assert "Imported 1 samples." in out
    for text in ("failed upon conversion", "validation", "too short", "longer than 10 seconds"):
        assert re.search(f"Skipped 1 samples that .*{text}", out)
    assert "Final amount of imported audio: 0:00:02 from 0:00:15." in out


def test_a_users_own_cleaning_of_transcripts(tmp_path: Path) -> None:
    (tmp_path / "rules.py").write_text("BAD = '#'\n")
    file = tmp_path / "locale_uk.py"
    file.write_text(
        "from rules import BAD\n\ndef validate_label(text):\n"
        "    return None if BAD in text else text\n"
    )
    parser = get_importers_parser("Import")
    validate = get_validate_label(parser.parse_args(["--validate_label_locale", str(file)]))
    assert (validate("їжак"), validate("#")) == ("їжак", None)
    for wrong in (tmp_path / "missing.py", tmp_path / "rules.py"):
        with pytest.raises(FlagError, match=wrong.name):
            get_validate_label(argparse.Namespace(validate_label_locale=wrong))


@pytest.mark.parametrize(
    ("label", "cleaned"),
    [("Well-known, isn't it?", "well known isn't it"), ("a , b", "a b"), ("7 days", None),
     ("(laughs)", None), (" . ", None), ("", None)],
)  # fmt: skip
def test_english_transcripts(label: str, cleaned: str | None) -> None:
    assert validate_label_eng(label) == cleaned


def test_stm_files(tmp_path: Path) -> None:
    good = tmp_path / "talk.stm"
    good.write_text(
        ";; a comment\ntalk 1 Ada 0.5 2.25 <o,f0> we   began caf\u00e9\n"
        "talk 1 inter 2.25 3 <o> ignore_time_segment_in_scoring\n",
        encoding="utf-8",
    )
    (segment,) = parse_stm_file(good)
    assert (segment.speaker_id, segment.start_time, segment.stop_time) == ("Ada", 0.5, 2.25)
    assert segment.transcript == "we began cafe"
    bad = tmp_path / "bad.stm"
    bad.write_text("talk 1 Ada\ntalk 1 Ada nan 3 <o> text\ntalk 1 Ada 3 1 <o> text\n")
    with pytest.raises(CorpusError) as error:
        parse_stm_file(bad)
    assert [f"bad.stm:{line}" in str(error.value) for line in (1, 2, 3)] == [True] * 3


def test_samples_change_their_representation() -> None:
    pcm = (tone(0.5) * 32767).astype(np.int16).tobytes()
    sample = audio.Sample(audio.AUDIO_TYPE_PCM, pcm, audio.DEFAULT_FORMAT)
    assert sample.duration == 0.5
    for audio_type in (audio.AUDIO_TYPE_WAV, audio.AUDIO_TYPE_NP, audio.AUDIO_TYPE_FLAC):
        sample.change_audio_type(audio_type)
        assert sample.audio_type == audio_type
    assert audio.read_duration(sample.audio_type, sample.audio) == 0.5
    sample.change_audio_type(audio.AUDIO_TYPE_PCM)
    assert sample.audio == pcm  # the conversions are lossless
    with pytest.raises(AudioError, match="not understood"):
        audio.Sample("audio/unknown", b"")
    with pytest.raises(AudioError, match="audio_format"):
        audio.Sample(audio.AUDIO_TYPE_PCM, pcm)


def test_full_scale_survives_and_loudness_is_measured() -> None:
    extremes = np.array([-32768, -5, 5, 32767], np.int16)
    floats = audio.pcm_to_np(extremes.tobytes())
    assert floats.shape == (4, 1)
    assert audio.np_to_pcm(floats) == extremes.tobytes()
    sine = tone(1).astype(np.float32) / 0.3
    assert audio.mean_dbfs(sine) == pytest.approx(0, abs=0.01)
    assert audio.max_dbfs(audio.normalize_audio(sine * 0.1)) == pytest.approx(3.01, abs=0.01)


def test_any_audio_is_a_wav_of_the_format_asked_for(tmp_path: Path) -> None:
    stereo = np.stack([tone(1, 44100), tone(1, 44100)], axis=1)
    soundfile.write(tmp_path / "clip.ogg", stereo, 44100)
    with audio.AudioFile(tmp_path / "clip.ogg") as reader:
        assert audio.read_audio_format_from_wav_file(reader) == audio.DEFAULT_FORMAT
        assert reader.getnframes() == pytest.approx(RATE_HZ, abs=2)
    with audio.AudioFile(tmp_path / "clip.ogg", as_path=True) as path:
        assert soundfile.info(path).channels == 1
    assert not Path(path).exists()
    with pytest.raises(AudioError, match="no such file"), audio.AudioFile("missing.wav"):
        pass
    frames = list(audio.read_frames_from_file(tmp_path / "clip.ogg"))
    assert {len(frame) for frame in frames} == {960}


def test_speech_is_split_off_silence() -> None:
    pytest.importorskip("webrtcvad")
    noise = np.random.default_rng(1).normal(0, 0.2, RATE_HZ) * (tone(1) > 0)
    quiet = np.zeros(RATE_HZ)
    samples = (np.concatenate([quiet, noise, quiet]) * 32767).astype(np.int16).reshape(-1, 480)
    frames = [frame.tobytes() for frame in samples]
    ((voice, start, end),) = audio.vad_split(frames, aggressiveness=0)
    assert 600 < start < 1100
    assert 1900 < end < 2500
    assert len(voice) == (end - start) * 32
    with pytest.raises(AudioError, match="11025 Hz"):
        next(audio.vad_split(frames, audio.AudioFormat(11025, 1, 2)))


def labeled(text: str, seconds: float) -> LabeledSample:
    pcm = (tone(seconds) * 32767).astype(np.int16).tobytes()
    return LabeledSample(audio.AUDIO_TYPE_PCM, pcm, text, audio.DEFAULT_FORMAT)


def test_collections_are_written_and_read(tmp_path: Path) -> None:
    for name, seconds in (("one", (3.0, 1.0)), ("two", (2.0,))):
        with CSVWriter(tmp_path / f"{name}.csv") as writer:
            for length in seconds:
                writer.add(labeled(f"{name} {length:g}", length))
    with pytest.raises(CorpusError, match="one"):
        CSVWriter(tmp_path / "one.csv")
    first = samples_from_source(tmp_path / "one.csv")
    assert [packed.unpack().duration for packed in first] == [1.0, 3.0]
    both = samples_from_sources([tmp_path / "one.csv", tmp_path / "two.csv"], reverse=True)
    assert [sample.transcript for sample in both] == ["one 3", "two 2", "one 1"]
    assert len(both) == 3
    with pytest.raises(CorpusError, match="not read"):
        samples_from_source("set.txt")
    with pytest.raises(CorpusError, match="no such file"):
        SDB("set.sdb")


@pytest.mark.parametrize("kind", [audio.AUDIO_TYPE_OPUS, audio.AUDIO_TYPE_FLAC])
def test_an_sdb_file_is_written_and_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "set.sdb"
    with DirectSDBWriter(path, audio_type=kind) as writer:
        assert writer.add(labeled("one", 1.0)) == f"{path}:0"
        writer.add(labeled("zwei", 2.0))
        assert not path.exists()
    first, second = samples_from_source(path)
    assert [first.transcript, second.transcript] == ["one", "zwei"]
    assert second.sample_id == f"{path}:1"
    assert second.duration == pytest.approx(2.0, abs=0.01)
    assert second.audio_type == kind
    longest, _ = samples_from_source(path, labeled=False, reverse=True)
    assert not hasattr(longest, "transcript")
    longest.change_audio_type(audio.AUDIO_TYPE_NP)
    original = tone(2.0)
    heard = longest.audio[:, 0]
    shift = len(heard) - len(original)  # delay of the encoder
    assert np.corrcoef(heard[shift:], original)[0, 1] > 0.95

    def break_off() -> None:
        with DirectSDBWriter(tmp_path / "half.sdb") as writer:
            writer.add(labeled("one", 1.0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["set.sdb"]


def test_an_archive_of_samples(tmp_path: Path) -> None:
    (tmp_path / "alphabet.txt").write_text("a\n")
    with TarWriter(tmp_path / "set.tar.gz", gz=True, include=[tmp_path / "alphabet.txt"]) as writer:
        writer.add(labeled("a", 1.0))
    with tarfile.open(tmp_path / "set.tar.gz") as archive:
        assert archive.getnames() == ["alphabet.txt", "samples/sample00000000.wav", "samples.csv"]
        content = archive.extractfile("samples.csv")
        assert content is not None
        (row,) = csv.DictReader(io.TextIOWrapper(content, "utf-8"))
    assert row["transcript"] == "a"


def test_samples_are_prepared_and_augmented() -> None:
    sample = labeled("a", 1.0)
    asked = [NormalizeSampleRate(8000), *parse_augmentations(["volume[dbfs=-10]", "warp"])]
    (made,) = apply_sample_augmentations([sample], asked)
    assert (made.audio.shape, made.audio_format.rate) == ((8000, 1), 8000)
    assert audio.max_dbfs(made.audio) == pytest.approx(-10.0, abs=0.01)
    with pytest.raises(FlagError, match="acts on the spectrogram while a model is trained"):
        parse_augmentation("warp").apply(sample)


def test_specifications_of_augmentations() -> None:
    reverb = parse_augmentation("reverb[p=0.1,delay=50.0~30.0,decay=10.0:2.0~1.0]")
    assert reverb.probability == 0.1
    assert reverb.delay == (50.0, 50.0, 30.0)  # type: ignore[attr-defined]
    assert reverb.decay == (10.0, 2.0, 1.0)  # type: ignore[attr-defined]
    assert "Reverb(p=0.1, delay=" in repr(reverb)
    assert parse_augmentations(None) == []
    for wrong in ("reverb[", "echo", "reverb[size=1]", "volume[p=2]", "tempo[factor=fast]",
                  "overlay", "volume[3]", "add[domain=time]", "tempo[max_time=x]"):  # fmt: skip
        with pytest.raises(FlagError, match="--augment"):
            parse_augmentation(wrong)


def test_sizes_times_and_ranges() -> None:
    assert [helpers.parse_file_size(size) for size in ("1MB", "2k", "10", "", 7)] == [
        1 << 20, 2048, 10, 0, 7]  # fmt: skip
    assert helpers.secs_to_hours(3723.9) == "1:02:03"
    assert helpers.int_range("3:9~2") == (3, 9, 2)
    assert helpers.pick_value_from_range(helpers.float_range("1:3"), clock=0.5) == 2.0
    assert helpers.check_ctcdecoder_version() == 0
    for wrong in ("much", "-1", "1MB2", 1.5):
        with pytest.raises(FlagError):
            helpers.parse_file_size(wrong)  # type: ignore[arg-type]
    for range_ in ("1:2:3", "a", None, (1,)):
        with pytest.raises(FlagError, match="no value range"):
            helpers.float_range(range_)


def test_a_pool_runs_only_so_far_ahead_and_can_be_left() -> None:
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    with helpers.LimitingPool(processes=1, process_ahead=3) as pool:
        results = pool.imap(abs, numbers())
        assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
        assert len(taken) <= 10


def test_texts_and_their_rates(capsys: pytest.CaptureFixture[str]) -> None:
    alphabet = Alphabet.from_labels("abc")
    assert text_to_char_array("cab", alphabet) == [2, 0, 1]
    for text in ("", "x"):
        with pytest.raises(UserError):
            text_to_char_array(text, alphabet, context="train.csv:2")
    assert levenshtein("kitten", "sitting") == 3
    assert levenshtein(["a", "b"], ["b"]) == 1
    samples = calculate_and_print_report(
        ["1.wav", "2.wav"], ["ab c", "b"], ["ab", "b"], [1.0, 2.0], "test.csv"
    )
    assert "Test on test.csv - WER: 0.333333" in capsys.readouterr().out
    assert [sample.wav_filename for sample in samples] == ["2.wav", "1.wav"]
    assert wer_cer_batch(samples) == (pytest.approx(1 / 3), pytest.approx(2 / 5))
    worse = calculate_and_print_report(["1"], ["a"], ["b c d"], [1.0], "x", "cer", 1)
    assert wer_cer_batch(worse) == (1.0, 1.0)


def test_one_file_becomes_three_sets(tmp_path: Path) -> None:
    lines = [f"{number}.wav,1,{text}" for number, text in enumerate(["ab", "ba", "ca", "a"])]
    file = tmp_path / "all.csv"
    file.write_text("\n".join(["wav_filename,wav_filesize,transcript", *lines, ""]))
    *sets, alphabet = create_datasets_from_auto_input(file, None)
    assert [path.name for path in sets] == ["train.csv", "dev.csv", "test.csv"]
    assert Alphabet(alphabet) == create_alphabet_from_sources(sets)[1]
    assert create_alphabet_from_sources([file])[0] == ["a", "b", "c"]


def test_audio_beyond_the_bounds_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "slow.wav", tone(0.1), 1)
    with pytest.raises(AudioError, match="1 Hz"):
        audio.read_wav(str(tmp_path / "slow.wav"))
    with pytest.raises(AudioError, match="1 Hz"):
        audio.convert_audio(tmp_path / "slow.wav", tmp_path / "fast.wav")
    assert not (tmp_path / "fast.wav").exists()
    with pytest.raises(AudioError, match="missing"):
        audio.convert_audio(tmp_path / "missing.wav", tmp_path / "fast.wav")


def test_the_characters_of_transcripts(tmp_path: Path) -> None:
    file = tmp_path / "train.csv"
    file.write_text("wav_filename,wav_filesize,transcript\na.wav,1,ba#\n")
    result = run_command("util.check_characters", "-csv", file, "-alpha")
    assert (result.returncode, result.stdout) == (0, "\\#\na\nb\n")
    file.write_text("wav_filename,wav_filesize,transcript\na.wav,1,\ufb01n\n", encoding="utf-8")
    result = run_command("util.check_characters", "-csv", file)
    assert result.returncode == 2
    assert "train.csv:2" in result.stderr
