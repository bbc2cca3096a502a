"""Reading rows, and the result of checking a valid corpus."""

from __future__ import annotations

import csv
import json
import logging
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.corpus import (
    CorpusRules,
    alphabet_from_corpus,
    check_corpus,
    expand_file_list,
    read_rows,
)
from coqui_stt_training.corpus import same_audio as same_audio_module
from coqui_stt_training.corpus.audio_scan import AudioScan
from coqui_stt_training.corpus.clip_table import seconds_of
from coqui_stt_training.errors import CorpusError
from stt.audio.file import AudioSummary, read_audio
from stt.audio.reference import AudioReference
from stt.frontends.mfcc_config import FeatureConfig

LETTERS = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz")
FEATURES = FeatureConfig()


def write_tone(path: Path, seconds: float = 1.0, rate_hz: int = 16000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(int(seconds * rate_hz)) / rate_hz
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * time), rate_hz)
    return path


@pytest.fixture
def make_csv(tmp_path: Path) -> Callable[..., str]:
    """Return a writer of CSV files from (name, transcript) rows; it makes audio that is missing."""

    def make(name: str, *rows: tuple[str, str]) -> str:
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["wav_filename", "wav_filesize", "transcript"])
            for audio, transcript in rows:
                if not (tmp_path / audio).exists():
                    write_tone(tmp_path / audio)
                writer.writerow([audio, (tmp_path / audio).stat().st_size, transcript])
        return str(path)

    return make


def test_rows_carry_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(
        b"\xef\xbb\xbf speaker ,wav_filename,wav_filesize,transcript\r\n"
        b'ann,a.wav,12,"one, two"\r\n'
        b"\r\n"
        b"bob,b.wav,,cafe\xcc\x81\r\n"
    )
    file = read_rows(path)
    assert file.columns == ("speaker", "wav_filename", "wav_filesize", "transcript")
    first, second = file.rows
    assert (first.source, first.audio_name, first.size_bytes) == (f"{path}:2", "a.wav", 12)
    assert first.transcript == "one, two"
    assert first.fields == ("ann", "a.wav", "12", "one, two")
    assert (second.source, second.size_bytes) == (f"{path}:4", None)
    assert second.transcript == unicodedata.normalize("NFC", "cafe\u0301") != "cafe\u0301"
    assert first.problem is None
    assert second.problem is None


def test_the_size_column_may_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("transcript,wav_filename\nhello,a.wav\n")
    (row,) = read_rows(path).rows
    assert (row.audio_name, row.transcript, row.size_bytes) == ("a.wav", "hello", None)


def test_names_resolve_beside_the_csv_first_then_where_we_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    write_tone(there / "both.wav")
    write_tone(here / "both.wav")
    write_tone(here / "only_here.wav")
    monkeypatch.chdir(here)
    (there / "x.csv").write_text(
        f"wav_filename,transcript\nboth.wav,a\nonly_here.wav,b\nnowhere.wav,c\n{here}/both.wav,d\n"
    )
    assert [audio.path.absolute() for audio in read_rows(there / "x.csv").audio()] == [
        there / "both.wav",
        here / "only_here.wav",
        there / "nowhere.wav",
        here / "both.wav",
    ]


def test_a_list_flag_takes_commas_where_that_is_what_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.csv", "b.csv", "with,comma.csv"):
        Path(name).touch()
    assert expand_file_list(["a.csv,b.csv"]) == ["a.csv", "b.csv"]
    assert expand_file_list(["a.csv", "b.csv, a.csv"]) == ["a.csv", "b.csv", "a.csv"]
    assert expand_file_list(["with,comma.csv"]) == ["with,comma.csv"]
    assert expand_file_list(["a.csv,missing.csv"]) == ["a.csv,missing.csv"]
    assert expand_file_list([]) == []


def test_other_formats_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "set.xyz").write_bytes(b"\0\1\2" * 99)
    with pytest.raises(CorpusError, match=r"set\.xyz: no collection .* CSV files .* SDB"):
        read_rows(tmp_path / "set.xyz")


def test_a_good_corpus_becomes_clips(make_csv: Callable[..., str], tmp_path: Path) -> None:
    write_tone(tmp_path / "long.flac", seconds=2.5, rate_hz=8000)
    one = make_csv("one.csv", ("a.wav", "hello"), ("long.flac", "the whole world"))
    two = make_csv("two.csv", ("b.wav", "again"))
    dev = make_csv("dev.csv", ("c.wav", "dev"))
    corpus = check_corpus(CorpusRules(LETTERS, FEATURES), train=[one, two], dev=[dev])
    assert [s.path for s in corpus.train] == [one, two]
    assert [clip.transcript for clip in corpus.train[0].clips] == ["hello", "the whole world"]
    clip = corpus.train[0].clips[1]
    assert clip.audio.path == tmp_path / "long.flac"
    assert clip.source == f"{one}:3"
    assert clip.size_bytes == (tmp_path / "long.flac").stat().st_size
    assert clip.duration_seconds == 2.5
    assert seconds_of(corpus.train[0].clips).sum() == 3.5
    assert len(corpus.dev[0].clips) == 1
    assert (corpus.test, corpus.metrics) == ((), ())


def test_byte_output_mode_takes_any_script(make_csv: Callable[..., str]) -> None:
    train = make_csv("train.csv", ("a.wav", "привет"))
    corpus = check_corpus(CorpusRules(UTF8Alphabet(), FEATURES), train=[train])
    assert corpus.train[0].clips[0].transcript == "привет"


def test_test_references_may_be_empty_but_no_others(make_csv: Callable[..., str]) -> None:
    empty = make_csv("empty.csv", ("a.wav", ""))
    corpus = check_corpus(CorpusRules(LETTERS, FEATURES), test=[empty])
    assert corpus.test[0].clips[0].transcript == ""
    with pytest.raises(CorpusError, match="without a transcript"):
        check_corpus(CorpusRules(LETTERS, FEATURES), dev=[empty])


def test_a_file_may_serve_two_sets_and_is_reported_once(make_csv: Callable[..., str]) -> None:
    both = make_csv("both.csv", ("a.wav", "Ж"), ("b.wav", "fine"))
    with pytest.raises(CorpusError) as caught:
        check_corpus(CorpusRules(LETTERS, FEATURES), dev=[both], test=[both])
    assert "1 of 2 rows" in str(caught.value)
    assert "1 time, first" in str(caught.value)


def test_recordings_in_two_sets_are_a_warning(
    make_csv: Callable[..., str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    for number, name in enumerate("abc"):
        write_tone(tmp_path / f"{name}.wav", 1 + number / 10)
    train = make_csv("train.csv", ("a.wav", "one"), ("b.wav", "two"))
    dev = make_csv("dev.csv", ("b.wav", "two"))
    test = make_csv("test.csv", ("c.wav", "tone"))
    with caplog.at_level(logging.WARNING):
        check_corpus(CorpusRules(LETTERS, FEATURES), train=[train], dev=[dev], test=[test])
    (message,) = caplog.messages
    assert message.startswith("Recordings in both train and dev: 1, the first in")
    assert f"{train}:3 and {dev}:2" in message


def test_recordings_in_two_sets_are_found_under_other_names(
    make_csv: Callable[..., str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    write_tone(tmp_path / "c.wav", 0.9)
    train = make_csv("train.csv", ("a.wav", "one"), ("c.wav", "three"))
    samples, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="int16")
    soundfile.write(tmp_path / "copy.flac", samples, rate_hz)
    soundfile.write(tmp_path / "other.wav", samples // 2, rate_hz)
    test = make_csv("test.csv", ("other.wav", "one"), ("copy.flac", "one"))
    with caplog.at_level(logging.WARNING):
        check_corpus(CorpusRules(LETTERS, FEATURES), train=[train], test=[test])
    (message,) = caplog.messages
    assert message.startswith("Recordings in both train and test: 1, the first in")
    assert f"{train}:2 and {test}:3" in message


def test_recordings_are_decoded_for_comparison_only_if_they_may_be_equal(
    make_csv: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_tone(tmp_path / "a.wav", 1.0)
    samples, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="int16")
    soundfile.write(tmp_path / "copy.flac", samples, rate_hz)
    soundfile.write(tmp_path / "b.wav", samples[::-1], rate_hz)  # of equal length and peaks
    soundfile.write(tmp_path / "softer.wav", samples // 2, rate_hz)
    train = make_csv("train.csv", ("a.wav", "one"))
    dev = make_csv("dev.csv", ("b.wav", "one"), ("softer.wav", "one"))
    test = make_csv("test.csv", ("copy.flac", "one"))
    decoded: list[str] = []

    def counting(audio: AudioReference, sample_rate_hz: int) -> NDArray[np.float32]:
        decoded.append(audio.path.name)
        return read_audio(audio, sample_rate_hz)

    monkeypatch.setattr(same_audio_module, "read_audio", counting)
    check_corpus(CorpusRules(LETTERS, FEATURES), train=[train], dev=[dev], test=[test])
    assert sorted(decoded) == ["a.wav", "b.wav", "copy.flac"]


def test_sets_in_characters_that_are_not_trained_on_are_a_warning(
    make_csv: Callable[..., str], caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    for number, name in enumerate("abc"):
        write_tone(tmp_path / f"{name}.wav", 2 + number / 10)
    both = Alphabet.from_labels(" abcdefgабвгд")
    train = make_csv("train.csv", ("a.wav", "abc abc abc abc abc abc abc abc"))
    dev = make_csv("dev.csv", ("b.wav", "ab абв"))
    rare = make_csv("rare.csv", ("c.wav", "abc abc abc abc abc abc abc abc abc abc abc d"))
    with caplog.at_level(logging.WARNING):
        check_corpus(CorpusRules(both, FEATURES), train=[train], dev=[dev, rare])
        check_corpus(CorpusRules(both, FEATURES), test=[dev])
    (message,) = caplog.messages
    assert message.startswith(f"Of the characters of {dev}, 50 % are in no transcript to train on")
    assert all(f" {letter}" in message for letter in "абв")


def test_the_alphabet_of_a_corpus_is_its_sorted_characters(make_csv: Callable[..., str]) -> None:
    train = make_csv("train.csv", ("a.wav", "жив"), ("b.wav", "a b"))
    dev = make_csv("dev.csv", ("c.wav", "ce\u0301"))
    assert alphabet_from_corpus([train, dev]).labels == (" ", "a", "b", "c", "é", "в", "ж", "и")


def test_no_alphabet_comes_of_nothing(make_csv: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no transcript"):
        alphabet_from_corpus([make_csv("train.csv", ("a.wav", ""))])
    with pytest.raises(CorpusError, match=r"one\.csv.*\n.*two\.csv"):
        alphabet_from_corpus([tmp_path / "one.csv", tmp_path / "two.csv"])


def test_resampled_length_is_what_soxr_makes() -> None:
    for rate_hz in (8000, 11025, 22050, 44100, 48000):
        for count in (1, 777, 12345):
            scan = AudioScan(0, 0, rate_hz, count, 1.0)
            resampled = soxr.resample(np.zeros(count, np.float32), rate_hz, 16000)
            assert scan.sample_count_at(16000) == len(resampled)


def test_a_scan_is_remembered_until_the_file_changes(
    make_csv: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = make_csv("train.csv", ("a.wav", "one"), ("b.wav", "two"))
    cache = tmp_path / "run" / "scan.json"

    def durations() -> list[float]:
        corpus = check_corpus(
            CorpusRules(LETTERS, FEATURES),
            train=[train],
            scan_cache_path=cache,
        )
        return [clip.duration_seconds for clip in corpus.train[0].clips]

    assert durations() == [1.0, 1.0]
    content = cache.read_text()
    decoded: list[str] = []
    monkeypatch.setattr(
        "coqui_stt_training.corpus.audio_scan.summarise_audio",
        lambda audio: decoded.append(audio.path.name) or AudioSummary(16000, 48000, 48000, 1.0),
    )
    assert durations() == [1.0, 1.0]
    assert decoded == []
    assert cache.read_text() == content
    os.utime(tmp_path / "b.wav", ns=(1, 1))
    assert durations() == [1.0, 3.0]
    assert decoded == ["b.wav"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"version": 0, "files": {}}', '{"version": 2, "files": {"x": [1]}}',
     '{"version": 2, "files": 3}', "[" * 100_000],
)  # fmt: skip
def test_a_broken_memory_is_made_anew(
    make_csv: Callable[..., str], tmp_path: Path, content: str
) -> None:
    train = make_csv("train.csv", ("a.wav", "one"))
    cache = tmp_path / "scan.json"
    cache.write_text(content)
    check_corpus(CorpusRules(LETTERS, FEATURES), train=[train], scan_cache_path=cache)
    (name,) = json.loads(cache.read_text())["files"]
    assert name == str(tmp_path / "a.wav")
