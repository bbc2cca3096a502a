"""`--auto_input_dataset`: one CSV file becomes three sets and an alphabet."""

from __future__ import annotations

import hashlib
import itertools
import logging
from contextlib import suppress
from pathlib import Path

import pytest

from collections_on_disk import CLIPS, TEXTS, WRITERS
from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import (
    AutoInput,
    CorpusFiles,
    plan_split,
    read_rows,
    split_auto_input,
)
from coqui_stt_training.corpus.groups import Partition, part_rows
from coqui_stt_training.corpus.rows import Row
from coqui_stt_training.corpus.splits import set_size
from coqui_stt_training.errors import CorpusError
from stt.audio.source import read_pcm


def write_dataset(folder: Path, rows: int = 40) -> Path:
    path = folder / "clips.csv"
    lines = [f'{i}.wav,{i},"word {"ab"[i % 2]}, {i % 10}",speaker{i}' for i in range(rows)]
    path.write_text("\n".join(["wav_filename,wav_filesize,transcript,speaker", *lines]) + "\n")
    return path


def fields_of(*paths: Path) -> list[tuple[str, ...]]:
    return [row.fields for path in paths for row in read_rows(path).rows]


def test_every_row_lands_in_one_set_unchanged(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path)
    sets = split_auto_input(dataset, seed=1)
    assert [len(fields_of(path)) for path in (sets.train, sets.dev, sets.test)] == [32, 4, 4]
    assert sorted(fields_of(sets.train, sets.dev, sets.test)) == sorted(fields_of(dataset))
    assert read_rows(sets.dev).columns == read_rows(dataset).columns
    assert (sets.train.name, sets.dev.name, sets.test.name) == ("train.csv", "dev.csv", "test.csv")
    assert sets.alphabet == tmp_path / "alphabet.txt"
    assert Alphabet(sets.alphabet).labels == tuple(" ,0123456789abdorw")


def test_the_seed_decides_and_a_folder_names_its_only_csv(tmp_path: Path) -> None:
    contents = []
    for index, seed in enumerate((1, 1, 2)):
        folder = tmp_path / str(index)
        folder.mkdir()
        write_dataset(folder)
        contents.append(split_auto_input(folder, seed=seed).train.read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_sets_and_alphabet_that_are_there_are_used(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path)
    first = split_auto_input(dataset, seed=1)
    first.alphabet.write_text("x\n")
    before = [path.read_bytes() for path in (first.train, first.dev, first.test)]
    dataset.unlink()
    again = split_auto_input(tmp_path, seed=2)
    assert [path.read_bytes() for path in (again.train, again.dev, again.test)] == before
    assert Alphabet(again.alphabet).labels == ("x",)


def test_a_given_alphabet_is_used(tmp_path: Path) -> None:
    given = tmp_path / "mine.txt"
    sets = split_auto_input(write_dataset(tmp_path), seed=1, alphabet_path=given)
    assert sets.alphabet == given
    assert not (tmp_path / "alphabet.txt").exists()


def test_what_cannot_be_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no such file or folder"):
        split_auto_input(tmp_path / "nothing", seed=1)
    with pytest.raises(CorpusError, match="holds none"):
        split_auto_input(tmp_path, seed=1)
    with pytest.raises(CorpusError, match="2 rows cannot be split"):
        split_auto_input(write_dataset(tmp_path, rows=2), seed=1)
    (tmp_path / "other.csv").touch()
    with pytest.raises(CorpusError, match=r"clips\.csv, other\.csv"):
        split_auto_input(tmp_path, seed=1)
    (tmp_path / "dev.csv").touch()
    with pytest.raises(CorpusError, match=r"dev\.csv is there, but not .*train\.csv"):
        split_auto_input(tmp_path / "clips.csv", seed=1)
    with pytest.raises(CorpusError, match="rename the file"):
        split_auto_input(tmp_path / "dev.csv", seed=1)
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).touch()
    with pytest.raises(CorpusError, match=r"name the folder, .*, which has all three sets"):
        split_auto_input(tmp_path / "train.csv", seed=1)


def test_three_rows_are_enough(tmp_path: Path) -> None:
    sets = split_auto_input(write_dataset(tmp_path, rows=3), seed=1)
    assert [len(fields_of(path)) for path in (sets.train, sets.dev, sets.test)] == [1, 1, 1]


def test_set_size_is_a_tenth_up_to_what_a_score_needs() -> None:
    assert [set_size(count) for count in (3, 10, 200, 100_000)] == [1, 1, 20, 10_000]
    assert set_size(1_000_000) == 16_368
    assert set_size(10**9) == 16_640


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def sets_of(made: AutoInput) -> dict[str, set[str]]:
    """Return the audio names of each set, read from the files on disk."""
    return {
        path.name: {row.audio_name for row in read_rows(path).rows}
        for path in (made.train, made.dev, made.test)
    }


def test_a_corrected_file_is_split_again_and_its_clips_stay_where_they_were(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = write_dataset(tmp_path)
    before = sets_of(split_auto_input(dataset, seed=1))
    dataset.write_text(dataset.read_text().replace("word a", "wörd a"))
    with caplog.at_level(logging.INFO):
        made = split_auto_input(dataset, seed=1)
    assert "clips.csv is split again, since it has changed: 32 rows to train on" in caplog.text
    assert sets_of(made) == before
    assert sorted(fields_of(made.train, made.dev, made.test)) == sorted(fields_of(dataset))
    assert "ö" in Alphabet(made.alphabet).labels  # the alphabet was made of the changed file


def test_few_clips_change_sets_where_others_are_added(tmp_path: Path) -> None:
    before = sets_of(split_auto_input(write_dataset(tmp_path, rows=100), seed=1))
    after = sets_of(split_auto_input(write_dataset(tmp_path, rows=110), seed=1))
    assert len(before["test.csv"] - after["test.csv"]) <= 1
    assert len(before["train.csv"] & after["dev.csv"]) <= 2


def test_an_unchanged_split_is_used_and_its_rows_say_where_they_come_from(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path)
    split_auto_input(dataset, seed=1)
    before = snapshot(tmp_path)
    for given, seed in ((dataset, 1), (tmp_path, 2)):
        again = split_auto_input(given, seed=seed)
        assert not again.unwritten
        assert snapshot(tmp_path) == before
        rows = again.files.rows(str(again.train)).rows
        assert [row.fields for row in rows] == fields_of(again.train)
        assert all(row.source.startswith(f"{dataset}:") for row in rows)
        assert again.files.digest(str(again.dev)) == CorpusFiles().digest(str(again.dev))


def test_a_set_that_was_edited_is_used_as_it_is_and_not_overwritten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dataset = write_dataset(tmp_path)
    made = split_auto_input(dataset, seed=1)
    made.dev.write_text("".join(made.dev.read_text().splitlines(keepends=True)[:-1]))
    before = snapshot(tmp_path)
    with caplog.at_level(logging.INFO):
        again = split_auto_input(dataset, seed=1)
    assert f"changed since: {made.dev}" in caplog.text
    assert len(again.files.rows(str(made.dev)).rows) == 3
    assert snapshot(tmp_path) == before

    dataset.write_text(dataset.read_text() + "new.wav,1,new,ann\n")
    before = snapshot(tmp_path)
    with pytest.raises(CorpusError, match=r"has changed since it was split, and so has .*dev\.csv"):
        split_auto_input(dataset, seed=1)
    assert snapshot(tmp_path) == before


def test_sets_without_a_record_are_used_if_they_hold_the_rows(tmp_path: Path) -> None:
    """Other releases, and people, have split files without keeping a record."""
    dataset = write_dataset(tmp_path, rows=6)
    header, *lines = dataset.read_text().splitlines(keepends=True)
    for name, part in (("train", lines[:4]), ("dev", lines[4:5]), ("test", lines[5:])):
        (tmp_path / f"{name}.csv").write_text(header + "".join(part))
    before = {name: content for name, content in snapshot(tmp_path).items() if "csv" in name}
    made = split_auto_input(dataset, seed=1)
    assert snapshot(tmp_path).items() >= before.items()
    assert not split_auto_input(dataset, seed=1).unwritten

    (tmp_path / "auto_input_dataset.json").unlink()
    dataset.write_text(header + "".join(lines[:-1]) + "x.wav,1,other,ann\n")
    with pytest.raises(CorpusError) as caught:
        split_auto_input(dataset, seed=1)
    assert "they lack 1 of its 6 rows and have 1 others" in str(caught.value)
    assert f"--train_files {made.train} --dev_files {made.dev}" in str(caught.value)


@pytest.mark.parametrize("broken", [b"", b"[]", b"{}", b'{"version": 1, "files": 3}', b"\xff"])
def test_a_broken_record_is_as_none(tmp_path: Path, broken: bytes) -> None:
    dataset = write_dataset(tmp_path)
    first = sets_of(split_auto_input(dataset, seed=1))
    (tmp_path / "auto_input_dataset.json").write_bytes(broken)
    assert sets_of(split_auto_input(dataset, seed=1)) == first


def test_planning_writes_nothing(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path)
    made = plan_split(dataset, seed=1)
    assert snapshot(tmp_path).keys() == {"clips.csv"}
    assert {path.name for path in made.unwritten} == {
        "train.csv", "dev.csv", "test.csv", "alphabet.txt",
    }  # fmt: skip
    assert made.files.alphabet
    planned = {path.name: content for path, content in made.unwritten.items()}
    made.write()
    assert snapshot(tmp_path).items() >= planned.items()


def test_a_split_that_was_killed_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first or second split that is killed at any point is completed by the next one."""

    class Killed(BaseException):
        pass

    rename, unlink = Path.replace, Path.unlink
    for point in range(20):
        folder = tmp_path / str(point)
        folder.mkdir()
        left = point

        def count() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        def replace(path: Path, target: Path) -> Path:
            count()
            return rename(path, target)

        def remove(path: Path, missing_ok: bool = False) -> None:
            if path.suffix != ".partial":
                count()
            unlink(path, missing_ok)

        dataset = write_dataset(folder)
        with monkeypatch.context() as patched, suppress(Killed):
            patched.setattr(Path, "replace", replace)
            patched.setattr(Path, "unlink", remove)
            split_auto_input(dataset, seed=1)
            dataset.write_text(dataset.read_text().replace("word a", "other"))
            split_auto_input(dataset, seed=1)
        made = split_auto_input(dataset, seed=1)
        assert sorted(fields_of(made.train, made.dev, made.test)) == sorted(fields_of(dataset))
        assert not split_auto_input(dataset, seed=1).unwritten


def test_an_alphabet_for_normalised_transcripts(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path)
    dataset.write_text(dataset.read_text().replace("word", "Word"))
    for normalizes, first in ((False, "W"), (True, "w"), (False, "W")):
        made = plan_split(dataset, seed=1, normalizes=normalizes)
        made.write()
        assert first in Alphabet(made.alphabet).labels
        assert ("," in Alphabet(made.alphabet).labels) is not normalizes
    made.alphabet.write_text("x\n")
    plan_split(dataset, seed=1, normalizes=True).write()
    assert made.alphabet.read_text() == "x\n"


def _row(number: int, speaker: str, text: str) -> Row:
    return Row(f"a.csv:{number}", number, (), f"{number}.wav", text, None, None, None, speaker)


def _parts(rows: list[Row], size: int) -> Partition:
    names = [row.audio_name for row in rows]
    return part_rows(rows, size, lambda name: hashlib.sha256(name.encode()).digest(), names)


def test_no_speaker_is_in_two_sets_and_no_text() -> None:
    rows = [_row(number, f"s{number // 5}", f"text {number}") for number in range(200)]
    parted = _parts(rows, 20)
    assert parted.apart.startswith("no speaker and no text")
    speakers = [{rows[n].speaker for n in part} for part in (parted.train, parted.dev, parted.test)]
    assert not any(one & other for one, other in itertools.combinations(speakers, 2))
    assert (len(parted.train), len(parted.dev), len(parted.test)) == (160, 20, 20)


def test_speakers_matter_more_than_texts_which_matter_more_than_nothing() -> None:
    same_words = [_row(n, f"s{n % 20}", f"word {n // 20}") for n in range(200)]
    parted = _parts(same_words, 20)
    assert parted.apart == "no speaker is in two of them"
    one_speaker = [_row(n, "s", f"word {n // 2}") for n in range(200)]
    parted = _parts(one_speaker, 20)
    assert parted.apart == "no text is in two of them"
    texts = [{one_speaker[n].transcript for n in part} for part in (parted.dev, parted.train)]
    assert not texts[0] & texts[1]
    parted = _parts([_row(n, "s", f"word {n % 2}") for n in range(200)], 20)
    assert "too few" in parted.apart
    assert (len(parted.dev), len(parted.test)) == (20, 20)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "webdataset"])
def test_any_collection_is_split_and_the_sets_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("STT_DATA_CACHE", str(tmp_path / "cache"))
    path = WRITERS[name](tmp_path / "data" if name == "parquet" else tmp_path)
    made = split_auto_input(path, seed=1)
    sets = [made.train, made.dev, made.test]
    rows = [row for one in sets for row in read_rows(one).rows]
    assert sorted(row.transcript for row in rows) == sorted(TEXTS)
    heard = [len(read_pcm(audio, 16000)) for one in sets for audio in read_rows(one).audio()]
    assert sorted(heard) == sorted(map(len, CLIPS))
    again = split_auto_input(path, seed=2)
    assert [one.read_bytes() for one in (again.train, again.dev)] == [
        one.read_bytes() for one in sets[:2]
    ]


def test_rows_that_are_malformed_are_in_no_set_that_is_written(tmp_path: Path) -> None:
    """A CSV file cannot contain their errors, so these rows would look like silence."""
    for number in range(20):
        (tmp_path / f"{number}.wav").write_bytes(b"")
        (tmp_path / f"{number}.txt").write_text(f"text {number}\n", encoding="utf-8")
    (tmp_path / "3.txt").write_bytes("слово".encode("cp1251"))
    (tmp_path / "4.txt").unlink()
    made = split_auto_input(tmp_path, seed=1)
    sets = [made.train, made.dev, made.test]
    written = [row for one in sets for row in read_rows(one).rows]
    assert {row.audio_name for row in written} == {
        f"{number}.wav" for number in range(20) if number not in (3, 4)
    }
    assert all(row.transcript for row in written)
    reported = {row.audio_name: row.problem for row in made.files.rows(str(made.train)).rows}
    assert "not UTF-8" in (reported["3.wav"] or "")
    assert "no 4.txt is beside it" in (reported["4.wav"] or "")
    (tmp_path / "auto_input_dataset.json").unlink()
    assert "which hold its rows" in plan_split(tmp_path, seed=1).reason
    (tmp_path / "4.txt").write_text("text 4\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="they lack 1 of its 20 rows"):
        plan_split(tmp_path, seed=1)
