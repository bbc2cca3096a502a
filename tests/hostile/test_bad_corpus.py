"""Corpora with rows that cannot be trained on: one report lists them all, or they are skipped."""

from __future__ import annotations

import contextlib
import csv
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import Corpus, CorpusRules, check_corpus, read_rows
from coqui_stt_training.errors import CorpusError
from stt.frontends.mfcc_config import FeatureConfig

LETTERS = Alphabet.from_labels(" abcdefghijklmnopqrstuvwxyz")
HEADER = ("wav_filename", "wav_filesize", "transcript")


def write_audio(path: Path, samples: Sequence[float] | np.ndarray, rate_hz: int = 16000) -> None:
    soundfile.write(path, np.asarray(samples, np.float32), rate_hz, subtype="FLOAT")


def write_rows(path: Path, *rows: Sequence[object], header: Sequence[str] = HEADER) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def check(**sets: Sequence[str]) -> Corpus:
    return check_corpus(CorpusRules(LETTERS, FeatureConfig()), **sets)  # type: ignore[arg-type]


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Return a folder with one good clip and one clip of every bad kind."""
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    write_audio(tmp_path / "good.wav", noise)
    write_audio(tmp_path / "short.wav", noise[:1600])
    write_audio(tmp_path / "tiny.wav", noise[:100])
    write_audio(tmp_path / "silent.wav", np.zeros(16000))
    write_audio(tmp_path / "constant.wav", np.full(16000, 0.25))
    write_audio(tmp_path / "none.wav", [])
    write_audio(tmp_path / "nan.wav", np.where(np.arange(16000) == 9, np.nan, noise))
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("this is no audio at all " * 99)
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    soundfile.write(tmp_path / "whole.flac", noise, 16000)
    content = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    return tmp_path


@pytest.mark.parametrize(
    ("audio", "transcript", "expected"),
    [
        ("missing.wav", "hello", "missing.wav: no such file"),
        ("empty.wav", "hello", "empty.wav: the file is empty"),
        ("none.wav", "hello", "none.wav: contains no samples"),
        ("text.wav", "hello", "text.wav: not an audio file"),
        ("folder.wav", "hello", "folder.wav: not a regular file"),
        ("pipe.wav", "hello", "pipe.wav: not a regular file"),
        ("x" * 5000 + ".wav", "hello", "name too long"),
        ("nan.wav", "hello", "nan.wav: contains samples that are NaN"),
        ("silent.wav", "hello", "silent.wav: 1.00 s of silence"),
        ("constant.wav", "hello", "constant.wav: 1.00 s of silence"),
        ("good.wav", "", "good.wav has none"),
        ("good.wav", "  ", "good.wav has none"),
        ("good.wav", "nö nö", "'ö' (U+00F6 LATIN SMALL LETTER O WITH DIAERESIS), 2 times"),
        ("good.wav", "two\nlines", "line break"),
        ("", "hello", "wav_filename is empty"),
        ("short.wav", "hello", "'hello' needs 6 (5 labels, 1 of them repeated)"),
        ("tiny.wav", "a", "are 0 frames"),
    ],
)  # fmt: skip
def test_each_way_to_be_bad_is_named_with_its_place(
    clips: Path, audio: str, transcript: str, expected: str
) -> None:
    path = write_rows(
        clips / "train.csv",
        ("good.wav", 1, "fine"),
        ("good.wav", 1, "fine"),
        (audio, 1, transcript),
    )
    with pytest.raises(CorpusError) as caught:
        check(train=[path])
    report = str(caught.value)
    assert expected.lower() in report.lower()
    assert f"{path}:4" in report
    assert "1 of 3 rows cannot be used" in report
    assert report.endswith("--on_bad_row skip")


def test_rows_with_too_few_or_too_many_fields(clips: Path) -> None:
    path = clips / "train.csv"
    path.write_text("wav_filename,transcript\ngood.wav\ngood.wav,one, two\ngood.wav,fine\n")
    with pytest.raises(CorpusError) as caught:
        check(train=[str(path)])
    assert f"{path}:2: 1 field where the header has 2:" in str(caught.value)
    assert f"{path}:3: 3 fields where the header has 2; put a transcript" in str(caught.value)


def test_a_cut_file_is_refused(clips: Path) -> None:
    path = write_rows(clips / "train.csv", ("cut.flac", 1, "hello"))
    with pytest.raises(CorpusError, match=r"cut\.flac"):
        check(train=[path])


def test_one_report_holds_everything(clips: Path) -> None:
    train = write_rows(
        clips / "train.csv",
        ("good.wav", 1, "fine"),
        ("missing.wav", 1, "Ж"),
        ("good.wav", 1, "Жu ж"),
    )
    dev = write_rows(clips / "dev.csv", ("silent.wav", 1, ""))
    absent = str(clips / "test.csv")
    with pytest.raises(CorpusError) as caught:
        check(train=[train], dev=[dev], test=[absent])
    assert str(caught.value).splitlines() == [
        f"{absent}: no such file or directory",
        "3 of 4 rows cannot be used:",
        "  1 row with audio that is missing or cannot be read:",
        f"    {train}:3: {clips}/missing.wav: no such file",
        "  1 row with silent audio:",
        f"    {dev}:2: silent.wav: 1.00 s of silence",
        "  1 row without a transcript:",
        f"    {dev}:2: silent.wav has none",
        "  2 rows with characters outside the alphabet:",
        f"    'Ж' (U+0416 CYRILLIC CAPITAL LETTER ZHE), 2 times, first in {train}:3",
        f"    'ж' (U+0436 CYRILLIC SMALL LETTER ZHE), 1 time, first in {train}:4",
        f"Correct these 3 rows; skipping them would leave nothing of {dev}",
    ]


@pytest.mark.parametrize(("transcript", "offers_skip"), [("мяу", False), ("fine", True)])
def test_skipping_is_offered_only_where_rows_remain(
    clips: Path, transcript: str, offers_skip: bool
) -> None:
    train = write_rows(
        clips / "train.csv", ("good.wav", 1, transcript), *[("good.wav", 1, "мур")] * 2
    )
    with pytest.raises(CorpusError) as caught:
        check_corpus(
            CorpusRules(LETTERS, FeatureConfig()),
            train=[train],
            alphabet_advice="ADVICE",
        )
    *_, advice, last = str(caught.value).splitlines()
    assert advice == "ADVICE"
    assert last.startswith("Correct these ")
    assert ("--on_bad_row skip" in last) == offers_skip


def test_long_lists_are_cut_but_counts_are_exact(clips: Path) -> None:
    rows = [(f"missing{i}.wav", 1, "hello") for i in range(57)]
    path = write_rows(clips / "train.csv", *rows)
    with pytest.raises(CorpusError) as caught:
        check(train=[path])
    report = str(caught.value)
    assert "57 of 57 rows" in report
    assert report.count("no such file") == 20
    assert "    ... and 37 more" in report


def test_skipping_leaves_the_good_rows_and_lists_the_others(
    clips: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train = write_rows(
        clips / "train.csv",
        ("good.wav", 1, "fine", "ann"),
        ("missing.wav", 7, "Ö, ja", "bob"),
        header=(*HEADER, "speaker"),
    )
    dev = write_rows(clips / "dev.csv", ("good.wav", 1, "fine"), ("silent.wav", 1, "x"))
    skipped = clips / "run" / "skipped.csv"
    with caplog.at_level(logging.WARNING):
        corpus = check_corpus(
            CorpusRules(LETTERS, FeatureConfig()),
            train=[train],
            dev=[dev],
            on_bad_row="skip",
            skipped_rows_path=skipped,
        )
    assert [clip.transcript for s in (*corpus.train, *corpus.dev) for clip in s.clips] == [
        "fine"
    ] * 2
    assert f"2 rows are left out (--on_bad_row skip); they are listed in {skipped}" in caplog.text
    with skipped.open(newline="", encoding="utf-8") as file:
        first, second = csv.DictReader(file)
    assert (first["file"], first["line"]) == (train, "3")
    assert (first["wav_filename"], first["transcript"]) == ("missing.wav", "Ö, ja")
    assert (first["wav_filesize"], first["speaker"]) == ("7", "bob")
    assert "no such file" in first["reason"]
    assert "'Ö'" in first["reason"]
    assert (second["file"], second["line"], second["speaker"]) == (dev, "3", "")


def test_skipping_leaves_no_file_empty(clips: Path) -> None:
    train = write_rows(clips / "train.csv", ("good.wav", 1, "fine"))
    dev = write_rows(clips / "dev.csv", ("silent.wav", 1, "x"), ("missing.wav", 1, "x"))
    with pytest.raises(CorpusError, match=r"dev\.csv: none of its 2 rows can be used"):
        check_corpus(
            CorpusRules(LETTERS, FeatureConfig()),
            train=[train],
            dev=[dev],
            on_bad_row="skip",
        )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "train.csv: the file is empty"),
        (b"\n\n", "train.csv: the file is empty"),
        (b"wav_filename,transcript\n", "train.csv: has a header, but no rows"),
        (
            b"wav_filename,words,who\na.wav,x,y\n",
            "train.csv:1: no column transcript; the first line must",
        ),
        (b"wav_filename,Text,label\na.wav,x,y\n", "no column transcript; rename Text to"),
        (
            b"path,wav,sentence\na.wav,b.wav,x\n",
            "rename path to wav_filename and sentence to transcript in",
        ),
        (b"a.wav,1,x\n", "no column wav_filename and no column transcript"),
        (b"wav_filename;wav_filesize;transcript\n", "train.csv: has a header, but no rows"),
        (b"name;words;who\na.wav;x;y\n", "train.csv:1: no column wav_filename and no column"),
        (b"wav_filename,transcript,transcript\n", "the column transcript appears twice"),
        (b"wav_filename,transcript\na.wav,x\nb.wav,caf\xe9\n", "train.csv:3: not UTF-8"),
        ("wav_filename,transcript\n".encode("utf-16"), "train.csv: has a header, but no rows"),
        ("wav_filename,transcript\n".encode("utf-16")[:-1], "train.csv:1: not UTF-16"),
        ("wav_filename,transcript\n".encode("utf-16-le"), "train.csv:1: holds a NUL byte"),
        (b'wav_filename,transcript\na.wav,"x\n' + b"y\n" * 99999, "train.csv:2: not a CSV record"),
    ],
)
def test_files_that_hold_no_rows_are_refused_under_both_policies(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(content)
    for policy in ("fail", "skip"):
        with pytest.raises(CorpusError) as caught:
            check_corpus(
                CorpusRules(LETTERS, FeatureConfig()),
                train=[str(path)],
                on_bad_row=policy,  # type: ignore[arg-type]
            )
        assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (" a.wav", "; the name has blanks around it: ' a.wav'"),
        ("sub\\a.wav", "; write / for the \\ in the name"),
        ("~/a.wav", "; write ~ out in the name"),
        ("b.wav", ""),
    ],
)
def test_names_that_hide_why_nothing_is_found(tmp_path: Path, name: str, hint: str) -> None:
    (tmp_path / "train.csv").write_text(f"wav_filename,transcript\n{name},a\n")
    with pytest.raises(CorpusError) as caught:
        check(train=[str(tmp_path / "train.csv")])
    assert f"{name}: no such file{hint}\n" in str(caught.value)


def test_a_folder_is_no_csv(tmp_path: Path) -> None:
    (tmp_path / "train.csv").mkdir()
    with pytest.raises(CorpusError, match="a folder that is no collection; read are CSV"):
        check(train=[str(tmp_path / "train.csv")])


@given(content=st.binary(max_size=200))
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_give_rows_or_a_typed_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.csv"
    for head in (b"", b"wav_filename,transcript\n"):
        path.write_bytes(head + content)
        with contextlib.suppress(CorpusError):
            file = read_rows(path)
            assert len(file.audio()) == len(file.rows)


def advice_of(*transcripts: str, folder: Path) -> list[str]:
    train = write_rows(folder / "train.csv", *[("good.wav", 1, text) for text in transcripts])
    with pytest.raises(CorpusError) as caught:
        check_corpus(
            CorpusRules(LETTERS, FeatureConfig()),
            train=[train],
            alphabet_advice="ADVICE",
        )
    lines = str(caught.value).splitlines()
    return [line for line in lines[1:] if not line.startswith(" ")]


def test_normalising_is_advised_where_it_mends_the_rows(clips: Path) -> None:
    assert advice_of("Hello, you.", "Fine", "good", folder=clips) == [
        "To fix 2 rows with characters outside the alphabet, add to your command: "
        "--normalize_transcripts true. It changes 'Hello, you.' to 'hello you'."
    ]


def test_other_advice_is_for_the_letters_that_normalising_cannot_write(clips: Path) -> None:
    assert advice_of("Hello.", "Café", "Number 7", "good", folder=clips) == [
        "To fix 1 of the 3 rows with characters outside the alphabet, add to your command: "
        "--normalize_transcripts true. It changes 'Hello.' to 'hello'.",
        "It cannot fix 'é', '7'.",
        "ADVICE",
        "Write '7' as spoken words.",
        "Correct the other 2 rows, or leave the other 2 rows out with: --on_bad_row skip",
    ]
    assert advice_of("Hello 7", "good", folder=clips) == [
        "Write '7' as spoken words.",
        "Correct this row, or leave this row out with: --on_bad_row skip",
    ]
    assert "--normalize_transcripts" not in " ".join(advice_of("мяу", "...", "good", folder=clips))


def test_normalised_rows_are_good_and_counted(
    clips: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_rows(
        clips / "train.csv", ("good.wav", 1, "Hello, you."), ("good.wav", 1, "fine"),
        ("good.wav", 1, "“Oh!”"),
    )  # fmt: skip
    with caplog.at_level(logging.INFO):
        corpus = check_corpus(
            CorpusRules(LETTERS, FeatureConfig(), normalize_transcripts=True),
            train=[path],
        )
    assert [clip.transcript for clip in corpus.train[0].clips] == ["hello you", "fine", "oh"]
    assert (
        "Normalised 2 of 3 transcripts (--normalize_transcripts): upper case changed to "
        "lower case 2 times, ',' removed 1 time, '.' removed 1 time"
    ) in caplog.text
    assert f"{path}:2: 'Hello, you.' is read as 'hello you'" in caplog.text


def test_what_normalising_leaves_empty_is_no_transcript(clips: Path) -> None:
    path = write_rows(clips / "train.csv", ("good.wav", 1, "…!"), ("good.wav", 1, "Fine"))
    with pytest.raises(CorpusError, match=r"good\.wav: nothing is left of '…!'"):
        check_corpus(
            CorpusRules(LETTERS, FeatureConfig(), normalize_transcripts=True),
            train=[path],
        )
