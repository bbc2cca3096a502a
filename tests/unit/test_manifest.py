"""Large CSV files: their rows stay on disk, and are checked like those of small files."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import random
import tarfile
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coqui_stt_ctcdecoder import Alphabet, UTF8Alphabet
from coqui_stt_training.augmentation.specification import parse_augmentations, settle_domains
from coqui_stt_training.batches.augmented_loader import AugmentedLoader, Moment
from coqui_stt_training.batches.feature_store import FeatureStore
from coqui_stt_training.batches.loader import BatchLoader
from coqui_stt_training.batches.sampler import BatchOrder, Sampler, make_batches
from coqui_stt_training.corpus import (
    Corpus,
    CorpusFiles,
    CorpusRules,
    alphabet_from_corpus,
    check_corpus,
    read_rows,
)
from coqui_stt_training.corpus.clip_table import ClipTable
from coqui_stt_training.corpus.manifest import Manifest
from coqui_stt_training.corpus.writing.collection import convert_collections
from coqui_stt_training.corpus.writing.options import Options
from coqui_stt_training.errors import AudioError, CorpusError
from stt.frontends.mfcc_config import FeatureConfig

pytest.importorskip("pyarrow")

LARGE, SMALL = CorpusFiles(large_bytes=0), CorpusFiles()
ALPHABET = Alphabet.from_labels(list(" abcdeéfghijklmnopqrstuvwxyz'"))
RULES = CorpusRules(ALPHABET, FeatureConfig())
COLUMNS = ("wav_filename", "wav_filesize", "transcript")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STT_DATA_CACHE", str(tmp_path / "cache"))


def write_wav(path: Path, seconds: float) -> int:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(random.Random(path.name).randbytes(2 * int(seconds * 16000)))
    return path.stat().st_size


def write_table(path: Path, rows: list[tuple[object, ...]], columns: tuple[str, ...]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    return path


@pytest.fixture
def rows(tmp_path: Path) -> list[tuple[object, ...]]:
    return [
        (f"{number}.wav", write_wav(tmp_path / f"{number}.wav", 1 + 0.1 * (number * 7 % 10)),
         f"clip number {'abcdefghij'[number]} café")
        for number in range(10)
    ]  # fmt: skip


def check(files: CorpusFiles, path: Path, rules: CorpusRules = RULES, **more: Any) -> Corpus:
    fresh = CorpusFiles(large_bytes=files.large_bytes)
    return check_corpus(rules, train=[str(path)], files=fresh, **more)


def complaint(files: CorpusFiles, path: Path, rules: CorpusRules = RULES) -> str:
    with pytest.raises(CorpusError) as caught:
        check(files, path, rules)
    return str(caught.value)


@pytest.mark.parametrize("alphabet", [ALPHABET, UTF8Alphabet()])
def test_clips_are_those_of_small_files(
    tmp_path: Path, rows: list[tuple[object, ...]], alphabet: Alphabet
) -> None:
    path = write_table(tmp_path / "train.csv", rows, COLUMNS)
    rules = replace(RULES, alphabet=alphabet)
    large, small = check(LARGE, path, rules), check(SMALL, path, rules)
    assert isinstance(large.train[0].clips, ClipTable)
    assert [(one.audio, one.transcript, one.source, one.size_bytes) for one in large.train[0].clips]
    for found, expected in zip(large.train[0].clips, small.train[0].clips, strict=True):
        assert (found.audio, found.transcript) == (expected.audio, expected.transcript)
        assert (found.source, found.size_bytes) == (expected.source, expected.size_bytes)
        assert found.duration_seconds == pytest.approx(expected.duration_seconds, abs=0.01)
    groups = [make_batches(one.train[0].clips, 3) for one in (large, small)]
    names = [[[clip.source for clip in group] for group in some] for some in groups]
    assert names[0] == names[1]


def test_an_epoch_goes_on_in_its_middle(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    path = write_table(tmp_path / "train.csv", rows, COLUMNS)
    order = BatchOrder(True, 0, 4, seed=3)
    whole = list(Sampler(make_batches(check(LARGE, path).train[0].clips, 2), order).epoch(1))
    resumed = Sampler(make_batches(check(LARGE, path).train[0].clips, 2), order).epoch(1, start=2)
    assert list(resumed) == whole[2:]


BAD_ROWS: list[tuple[object, ...]] = [
    ("x.wav", 40000, "ÜBER"),
    ("x.wav", 40000, ""),
    ("x.wav", 40000, " \u2003"),
    ("", 40000, "hello"),
    ("x.wav", 40000, "too", "many"),
    ("x.wav",),
    ("x.wav", 40000, "this is far too long for so short a recording " * 3),
]


@pytest.mark.parametrize("bad", BAD_ROWS, ids=lambda row: str(row)[:30])
def test_bad_rows_are_named_as_in_small_files(
    tmp_path: Path, rows: list[tuple[object, ...]], bad: tuple[object, ...]
) -> None:
    write_wav(tmp_path / "x.wav", 1.25)
    path = write_table(tmp_path / "train.csv", [*rows[:4], bad, *rows[4:]], COLUMNS)
    found, expected = complaint(LARGE, path), complaint(SMALL, path)
    assert f"{path}:6" in found or "first in" in found
    assert found == expected


@pytest.mark.parametrize("text", ["two\nlines", 'a "quoted" word', "\r", "tab\there"])
def test_lines_that_are_no_rows_keep_their_numbers(
    tmp_path: Path, rows: list[tuple[object, ...]], text: str
) -> None:
    some = [*rows[:2], ("x.wav", 40044, text), *rows[2:]]
    write_wav(tmp_path / "x.wav", 1.25)
    path = write_table(tmp_path / "train.csv", some, COLUMNS)
    path.write_text(path.read_text().replace("3.wav", "\n,,\n3.wav"))
    large, small = (CorpusFiles(large_bytes=one).rows(str(path)) for one in (0, 1 << 40))
    assert isinstance(large.rows, Manifest)
    assert len(small.rows) == len(some)  # Excel ends some files with rows of nothing but commas
    assert list(large.rows) == list(small.rows)
    assert large.rows[-1] == small.rows[-1]
    assert large.rows[2:4] == tuple(small.rows[2:4])


def test_bad_rows_are_skipped_and_listed(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    write_wav(tmp_path / "x.wav", 1.25)
    path = write_table(tmp_path / "train.csv", [*rows, *BAD_ROWS], COLUMNS)
    listed = [tmp_path / "large.csv", tmp_path / "small.csv"]
    sets = [
        check(files, path, on_bad_row="skip", skipped_rows_path=skipped).train[0].clips
        for files, skipped in zip((LARGE, SMALL), listed, strict=True)
    ]
    assert [clip.source for clip in sets[0]] == [clip.source for clip in sets[1]]
    assert listed[0].read_text() == listed[1].read_text()


def test_lengths_come_from_a_column_and_are_compared_with_audio(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    timed = [(name, f"{(int(str(size)) - 44) / 32000:.3f}", text) for name, size, text in rows]
    columns = ("wav_filename", "duration", "transcript")
    path = write_table(tmp_path / "timed.csv", list(timed), columns)
    seconds = [clip.duration_seconds for clip in check(LARGE, path).train[0].clips]
    assert seconds == [float(one[1]) for one in timed]
    wrong = [(timed[0][0], "9.5", timed[0][2]), *timed[1:]]
    found = complaint(LARGE, write_table(tmp_path / "wrong.csv", list(wrong), columns))
    assert f"{tmp_path}/wrong.csv:2: 1.00 s, and the column of durations says 9.50 s" in found


def test_without_lengths_all_audio_is_read(
    tmp_path: Path, rows: list[tuple[object, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    bare: list[tuple[object, ...]] = [(name, text) for name, _, text in rows]
    path = write_table(tmp_path / "bare.csv", bare, ("wav_filename", "transcript"))
    with caplog.at_level(logging.WARNING):
        corpus = check(LARGE, path)
    assert isinstance(corpus.train[0].clips, tuple)
    assert "but no durations" in caplog.text


def test_missing_audio_is_found_in_the_sample(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    path = write_table(tmp_path / "train.csv", rows, COLUMNS)
    (tmp_path / "4.wav").unlink()
    assert "4.wav: no such file" in complaint(LARGE, path)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_large_tables_with_other_separators_are_read(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "table.csv"
    lines = [("wav_filename", "transcript"), ("a.wav", "one"), ("b.wav", "two")]
    path.write_text("".join(f"{separator.join(line)}\n" for line in lines))
    large, small = read_rows(path, large_bytes=0), read_rows(path)
    assert isinstance(large.rows, Manifest)
    assert list(large.rows) == list(small.rows)


def test_what_arrow_cannot_read_is_read_however_large(tmp_path: Path) -> None:
    text = "wav_filename,transcript\na.wav,one\n"
    (tmp_path / "list.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "list.csv").write_text(text, encoding="utf-16")
    for name in ("list.csv.gz", "list.csv"):
        assert [row.transcript for row in read_rows(tmp_path / name, large_bytes=0).rows] == ["one"]


def test_a_changed_file_is_read_again(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    path = write_table(tmp_path / "train.csv", rows, COLUMNS)
    assert len(CorpusFiles(large_bytes=0).rows(str(path)).rows) == 10
    write_table(path, rows[:7], COLUMNS)
    assert len(CorpusFiles(large_bytes=0).rows(str(path)).rows) == 7
    assert len(CorpusFiles(large_bytes=0).rows(str(path)).rows) == 7


def test_recordings_in_two_sets_are_seen(
    tmp_path: Path, rows: list[tuple[object, ...]], caplog: pytest.LogCaptureFixture
) -> None:
    path = write_table(tmp_path / "train.csv", rows, COLUMNS)
    dev = write_table(tmp_path / "dev.csv", [(str(tmp_path / "4.wav"), *rows[4][1:])], COLUMNS)
    with caplog.at_level(logging.WARNING):
        check(LARGE, path, dev=[str(dev)])
    assert f"Recordings in both train and dev: 1, the first in {path}:6" in caplog.text


def test_transcripts_are_normalised_and_alphabets_made(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    rows[3] = (*rows[3][:2], "Ein SATZ  cafe\u0301!")
    path = write_table(tmp_path / "train.csv", rows, COLUMNS)
    corpus = check(LARGE, path, replace(RULES, normalize_transcripts=True))
    assert corpus.train[0].clips[3].transcript == "ein satz café"
    found = alphabet_from_corpus([path], files=CorpusFiles(large_bytes=0))
    assert found == alphabet_from_corpus([path])


def test_unlabelled_files_need_no_transcripts(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    path = write_table(tmp_path / "train.csv", rows, COLUMNS)
    other = write_table(tmp_path / "untold.csv", [(*row[:2], "ÄÖÜ 123") for row in rows], COLUMNS)
    corpus = check(LARGE, path, unlabelled=[str(other)])
    assert {clip.transcript for clip in corpus.unlabelled[0].clips} == {""}


def test_unlabelled_rows_are_the_same_of_small_and_large_archives(tmp_path: Path) -> None:
    write_wav(tmp_path / "told.wav", 1)
    write_wav(tmp_path / "untold.wav", 1)
    (tmp_path / "told.txt").write_text("one")
    path = tmp_path / "some.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("told.wav", "told.txt", "untold.wav"):
            archive.add(tmp_path / name, name)

    def rows_of(files: CorpusFiles) -> list[tuple[str, str | None]]:
        rows = CorpusFiles(large_bytes=files.large_bytes).rows(str(path), labelled=False).rows
        assert isinstance(rows, Manifest) == (files is LARGE)
        return [(row.transcript, row.problem) for row in rows]

    assert rows_of(LARGE) == rows_of(SMALL) == [("", None), ("", None)]


def write_shards(tmp_path: Path, rows: list[tuple[object, ...]]) -> str:
    path = write_table(tmp_path / "all.csv", rows, COLUMNS)
    options = Options("wav", order="as-is", shard_clips=3)
    (tmp_path / "shards").mkdir()
    convert_collections([str(path)], tmp_path / "shards" / "s.tar", options)
    return str(tmp_path / "shards" / "s-*.tar")


def test_shards_are_indexed_once(
    tmp_path: Path, rows: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = write_shards(tmp_path, rows)
    small, large = read_rows(pattern), read_rows(pattern, large_bytes=0)
    assert isinstance(large.rows, Manifest)
    assert len(large.rows) == len(small.rows) == 10
    for one, other in zip(large.rows, small.rows, strict=True):
        assert (one.source, one.audio) == (other.source, other.audio)
        assert (one.transcript, one.size_bytes) == (other.transcript, other.size_bytes)
    monkeypatch.setattr("coqui_stt_training.corpus.sources.tar.members", None)
    assert list(read_rows(pattern, large_bytes=0).rows) == list(large.rows)
    (tmp_path / "shards" / "s-000001.tar").touch()
    with pytest.raises(TypeError):
        read_rows(pattern, large_bytes=0)


def test_an_epoch_of_shards_goes_on_in_its_middle(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    """A restarted run reads the same clips in the same order, from where it stopped."""
    pattern = write_shards(tmp_path, rows)

    def batches(files: CorpusFiles, start: int) -> list[list[bytes]]:
        clips = check(files, Path(pattern)).train[0].clips
        assert isinstance(clips, ClipTable if files is LARGE else tuple)
        sampler = Sampler(make_batches(clips, 2), BatchOrder(True, 0, 3, seed=5))
        store = FeatureStore(FeatureConfig())
        return [[store(clip).tobytes() for clip in one.clips] for one in sampler.epoch(1, start)]

    whole = batches(LARGE, 0)
    assert len(whole) == 5
    for start in (1, 3, 4):
        assert batches(LARGE, start) == whole[start:]
    assert batches(SMALL, 2) == whole[2:]


def test_bad_rows_of_shards_are_skipped_and_listed(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    rows[3] = (*rows[3][:2], "clip 7")
    pattern = write_shards(tmp_path, rows)
    listed = [tmp_path / "large.csv", tmp_path / "small.csv"]
    for files, path in zip((LARGE, SMALL), listed, strict=True):
        check(files, Path(pattern), on_bad_row="skip", skipped_rows_path=path)
    (large,), (small,) = (list(csv.DictReader(path.open(encoding="utf-8"))) for path in listed)
    assert large["transcript"] == "clip 7"
    assert (large["wav_filename"], large["reason"]) == (small["wav_filename"], small["reason"])


def test_an_index_is_not_used_where_its_relative_paths_are_wrong(
    tmp_path: Path, rows: list[tuple[object, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = write_shards(tmp_path, rows)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    assert len(read_rows("shards/s-*.tar", large_bytes=0).rows) == len(rows)
    monkeypatch.chdir(tmp_path / "elsewhere")
    file = read_rows(pattern, large_bytes=0)
    assert all(audio.path.is_file() for audio in file.audio())


def test_one_bad_shard_is_named(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    pattern = write_shards(tmp_path, rows)
    (tmp_path / "shards" / "s-000002.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(CorpusError, match=r"s-000002\.tar"):
        read_rows(pattern, large_bytes=0)


def test_large_lists_are_indexed(tmp_path: Path, rows: list[tuple[object, ...]]) -> None:
    lines = [
        {"audio_filepath": name, "duration": 1.0, "offset": 0.25, "text": text, "speaker": "s"}
        for name, _, text in rows
    ]
    path = tmp_path / "cuts.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "{}\n")
    small, large = read_rows(path), read_rows(path, large_bytes=0)
    assert isinstance(large.rows, Manifest)
    for one, other in zip(large.rows, small.rows, strict=True):
        assert (one.audio, one.problem, one.speaker) == (other.audio, other.problem, other.speaker)
    assert complaint(LARGE, path) == complaint(SMALL, path)


@pytest.mark.parametrize("augment", [False, True])
def test_what_turns_out_unreadable_is_left_out_where_rows_are_skipped(
    tmp_path: Path, rows: list[tuple[object, ...]], augment: bool, caplog: pytest.LogCaptureFixture
) -> None:
    clips = check(LARGE, write_table(tmp_path / "train.csv", rows, COLUMNS)).train[0].clips
    (tmp_path / "4.wav").write_bytes(b"no audio")

    def batch(*numbers: int, skips: bool) -> list[str]:
        store = FeatureStore(FeatureConfig())
        loader = BatchLoader(store, ALPHABET, skips_unreadable=skips)
        group = [clips[number] for number in numbers]
        if not augment:
            return [clip.source for clip in loader.load(group).clips]
        asked = settle_domains(parse_augmentations(["speed"]), on_hidden=False)
        augmented = AugmentedLoader(loader, asked, 1, int)
        return [clip.source for clip in augmented.load(group, Moment(0, 0.0)).clips]

    path = f"{tmp_path}/train.csv"
    assert batch(4, 5, 4, 6, skips=True) == [f"{path}:{line}" for line in (7, 7, 7, 8)]
    assert f"{path}:6: skipped, because it cannot be read: " in caplog.text
    with pytest.raises(AudioError, match=r"4\.wav"):
        batch(5, 4, skips=False)
    with pytest.raises(AudioError, match=r"4\.wav"):
        batch(4, skips=True)


def test_silence_and_other_rates_in_the_sample_are_found(
    tmp_path: Path, rows: list[tuple[object, ...]]
) -> None:
    with wave.open(str(tmp_path / "4.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(bytes(int(str(rows[4][1])) - 44))
    with wave.open(str(tmp_path / "5.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(random.Random(5).randbytes(int(str(rows[5][1])) - 44))
    timed: list[tuple[object, ...]] = [
        (name, f"{(int(str(size)) - 44) / (16000 if number == 5 else 32000):.3f}", text)
        for number, (name, size, text) in enumerate(rows)
    ]
    path = write_table(tmp_path / "t.csv", timed, ("wav_filename", "duration", "transcript"))
    strict = replace(RULES, any_sample_rate=False)
    found = complaint(LARGE, path, strict)
    assert found == complaint(SMALL, path, strict)
    assert "s of silence" in found
    assert "has 8000 Hz" in found
