"""Conversion of collections to other formats."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from collections_on_disk import CLIPS, TEXTS, WRITERS, write_csv
from coqui_stt_training import data_set_tool
from coqui_stt_training.corpus import read_rows
from coqui_stt_training.errors import CorpusError, UserError
from stt.audio.source import read_pcm
from stt.file_lock import holding

NAMES = ("a.csv", "a.sdb", "a.tar", "a.tgz", "a.jsonl")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STT_DATA_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("encoding", ["wav", "flac", "opus"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str, encoding: str) -> None:
    source = write_csv(tmp_path)
    target = tmp_path / "out" / name
    data_set_tool.main([str(source), str(target), "--audio-type", encoding])
    file = read_rows(target)
    assert [row.transcript for row in file.rows] == list(TEXTS)
    for audio, samples in zip(file.audio(), CLIPS, strict=True):
        heard = read_pcm(audio, 16000)
        if encoding == "opus":
            assert 0 <= len(heard) - len(samples) < 200
            assert np.corrcoef(heard[-len(samples) :], samples)[0, 1] > 0.5  # Opus distorts noise
        else:
            assert np.array_equal(heard, samples)
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name[0] == "."] == []


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "csv"])
def test_every_format_is_converted(tmp_path: Path, name: str) -> None:
    source = WRITERS[name](tmp_path / "in" if name == "parquet" else tmp_path)
    target = tmp_path / "out.sdb"
    data_set_tool.main([str(source), str(target), "--audio-type", "wav", "--sort", "as-is"])
    rows = read_rows(target)
    assert [row.transcript for row in rows.rows] == list(TEXTS)
    for audio, samples in zip(rows.audio(), CLIPS, strict=True):
        assert np.array_equal(read_pcm(audio, 16000), samples)


def test_shards_rates_and_order(tmp_path: Path) -> None:
    source = write_csv(tmp_path)
    data_set_tool.main(
        [str(source), str(tmp_path / "s.tar"), "--shard-clips", "2", "--sort", "longest",
         "--sample-rate", "8000"]
    )  # fmt: skip
    rows = read_rows(tmp_path / "s-{000000..000001}.tar")
    assert [row.transcript for row in rows.rows] == list(reversed(TEXTS))
    assert [len(read_pcm(audio, 8000)) for audio in rows.audio()] == [
        len(samples) // 2 for samples in reversed(CLIPS)
    ]
    with tarfile.open(tmp_path / "s-000000.tar") as archive:
        described = archive.extractfile("00000000.json")
        assert described
        assert json.load(described)["duration"] == len(CLIPS[-1]) / 16000


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = write_csv(tmp_path), tmp_path / "a.sdb"
    soundfile.write(tmp_path / "clip1.wav", np.zeros(0, np.int16), 16000)
    with pytest.raises(CorpusError, match=r"set\.csv:3: .*clip1\.wav: contains no samples"):
        data_set_tool.main([str(source), str(target)])
    assert not target.exists()
    soundfile.write(tmp_path / "clip1.wav", CLIPS[1], 16000)
    from coqui_stt_training.corpus.writing import encoded

    read: list[str] = []
    read_audio = encoded.read_audio
    monkeypatch.setattr(
        encoded, "read_audio", lambda a, rate: read.append(a.path.name) or read_audio(a, rate)
    )
    data_set_tool.main([str(source), str(target)])
    assert read == ["clip1.wav"]
    assert len(read_rows(target).rows) == 3


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".lock")}


@pytest.mark.parametrize(
    "place",
    ["shutil.copyfile", "write_csv", "settle_folder"],
    ids=["while audio is copied", "before the list", "after the list"],
)
def test_a_folder_that_a_killed_command_left_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    source, target = write_csv(tmp_path), tmp_path / "out.csv"
    module = "collection" if place == "settle_folder" else "audio_folder"
    before = visible(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(f"coqui_stt_training.corpus.writing.{module}.{place}", killed)
        with pytest.raises(KeyboardInterrupt):
            data_set_tool.main([str(source), str(target)])
    data_set_tool.main([str(source), str(target)])
    assert visible(tmp_path) == before | {"out.csv", "out"}
    assert visible(tmp_path / "out") == {f"sample{number:08d}.wav" for number in range(3)}
    assert len(read_rows(target).rows) == 3
    with pytest.raises(CorpusError, match="is there already"):  # because it is complete
        data_set_tool.main([str(source), str(target)])


def test_a_folder_of_another_list_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_csv(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("coqui_stt_training.corpus.writing.audio_folder.write_csv", killed)
        with pytest.raises(KeyboardInterrupt):
            data_set_tool.main([str(source), str(tmp_path / "out.csv")])
    left = visible(tmp_path / "out")
    with pytest.raises(CorpusError, match=r"out: is there already"):
        data_set_tool.main([str(source), str(tmp_path / "out.jsonl")])
    assert visible(tmp_path / "out") == left


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["a.xyz"], "its name must end in one of .csv"),
        (["a.csv", "--shard-clips", "3"], "only tar archives are cut into shards"),
        (["a.sdb", "--bitrate", "5"], "Opus has 6000 to 256000"),
        (["a.tar", "--bitrate", "64000"], "wav has none"),
        (["b.csv"], "is there already"),
    ],
)
def test_what_cannot_be_written_is_said(tmp_path: Path, words: list[str], why: str) -> None:
    source = str(write_csv(tmp_path))
    (tmp_path / "b").mkdir()
    name, *flags = words
    with pytest.raises(CorpusError, match=why):
        data_set_tool.main([source, str(tmp_path / name), *flags])


def test_sources_are_not_written_over(tmp_path: Path) -> None:
    source = write_csv(tmp_path)
    before = source.read_bytes()
    (tmp_path / "link.csv").symlink_to(source)
    for target in (source, tmp_path / "link.csv"):
        with pytest.raises(CorpusError, match=r"is one of the sources.* choose another name"):
            data_set_tool.main([str(source), str(target)])
    assert source.read_bytes() == before


def test_recordings_without_transcripts_are_written_without(tmp_path: Path) -> None:
    folder, target = tmp_path / "audio", tmp_path / "out.csv"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, np.random.default_rng(1).normal(0, 0.1, 8000), 16000)
    data_set_tool.main(["--unlabeled", str(folder), str(target)])
    assert target.read_text().splitlines()[0] == "wav_filename,wav_filesize"
    assert len(read_rows(target, labelled=False).rows) == 2
    for archive in (tmp_path / "out.sdb", tmp_path / "out.tar"):
        data_set_tool.main(["--unlabeled", str(folder), str(archive)])
        rows = read_rows(archive, labelled=False).rows
        assert [(row.transcript, row.problem) for row in rows] == [("", None)] * 2
        assert all(row.audio for row in rows)
        with pytest.raises(CorpusError, match="without transcripts"):
            read_rows(archive)
    with pytest.raises(CorpusError, match="2 recordings and no transcripts are in it"):
        data_set_tool.main([str(folder), str(tmp_path / "other.csv")])


def test_two_at_a_time_do_not_write_one_set(tmp_path: Path) -> None:
    source = write_csv(tmp_path)
    with (
        holding(tmp_path / ".a.sdb.lock"),
        pytest.raises(CorpusError, match=r"a\.sdb: another command, process .* is writing it"),
    ):
        data_set_tool.main([str(source), str(tmp_path / "a.sdb")])
    data_set_tool.main([str(source), str(tmp_path / "a.sdb")])
    assert {path.name for path in tmp_path.glob("*.sdb*")} == {"a.sdb"}


def test_rows_that_cannot_be_read_are_named_together_with_what_to_do(tmp_path: Path) -> None:
    source = write_csv(tmp_path)
    with source.open("a") as file:
        file.write("gone.wav,1,word\nodd\n.,1,word\n")
    with pytest.raises(CorpusError) as caught:
        data_set_tool.main([str(source), str(tmp_path / "a.sdb")])
    said = str(caught.value)
    assert f"{source}:5: {tmp_path / 'gone.wav'}: no such file\n{source}:6: " in said
    assert f"{source}:7: {tmp_path}: not a regular file" in said
    assert f"coqui_stt_training.check {source} --fix cleaned.csv" in said.splitlines()[-1]
    source.write_text(source.read_text().splitlines()[0])
    with pytest.raises(CorpusError, match="no clips to write"):
        data_set_tool.main([str(source), str(tmp_path / "a.sdb")])
    assert not (tmp_path / "a.sdb").exists()


def encoded(tmp_path: Path, name: str, *words: str) -> list[np.ndarray]:
    target = tmp_path / name
    data_set_tool.main([str(tmp_path / "in.csv"), str(target), "--sort", "as-is", *words])
    return [read_pcm(audio, 16000) for audio in read_rows(target).audio()]


def test_clips_are_changed_as_seed_and_clip_decide(tmp_path: Path) -> None:
    write_csv(tmp_path).rename(tmp_path / "in.csv")
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(1).normal(0, 0.1, 8000), 16000)
    augment = ("--augment", f"overlay[source={tmp_path / 'noise.wav'},snr=10]", "--augment",
               "volume[p=0.5,dbfs=-20]")  # fmt: skip
    plain, first = encoded(tmp_path, "p.tar"), encoded(tmp_path, "a.tar", *augment)
    again = encoded(tmp_path, "b.tar", *augment, "--workers", "3")
    other = encoded(tmp_path, "c.tar", *augment, "--random-seed", "7")
    assert all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    assert not any(np.array_equal(*pair) for pair in zip(plain, first, strict=True))
    assert not all(np.array_equal(*pair) for pair in zip(first, other, strict=True))


def test_a_run_with_other_changes_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(tmp_path).rename(tmp_path / "in.csv")
    expected = encoded(tmp_path, "expected.tar", "--augment", "volume[dbfs=-20]")
    with monkeypatch.context() as patch:
        patch.setattr("coqui_stt_training.corpus.writing.collection._assemble", None)
        with pytest.raises(TypeError):
            encoded(tmp_path, "out.tar", "--augment", "volume[dbfs=-3]")
    plan = json.loads((tmp_path / ".out.tar.encoding" / "plan.json").read_text())
    assert plan["changes"] == ["volume[dbfs=-3]", "random seed 4568"]
    found = encoded(tmp_path, "out.tar", "--augment", "volume[dbfs=-20]")
    assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


@pytest.mark.parametrize(
    ("augment", "why"),
    [
        ("specaugment", "changes features"),
        ("join", "joins training clips"),
        ("warp", "use tempo or speed instead"),
        ("overlay[source=none.sdb]", "none.sdb"),
        ("volum", "volume"),
    ],
)
def test_what_cannot_be_written_into_audio_is_refused(
    tmp_path: Path, augment: str, why: str
) -> None:
    source = write_csv(tmp_path)
    with pytest.raises(UserError, match=why):
        data_set_tool.main([str(source), str(tmp_path / "out.sdb"), "--augment", augment])
    assert not (tmp_path / "out.sdb").exists()
