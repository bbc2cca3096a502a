"""`--auto_input_dataset`: one CSV becomes three sets and an alphabet."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_ctcdecoder import Alphabet
from coqui_stt_training.corpus import read_rows, split_auto_input
from coqui_stt_training.corpus.splits import set_size
from coqui_stt_training.errors import CorpusError


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


def test_three_rows_are_enough(tmp_path: Path) -> None:
    sets = split_auto_input(write_dataset(tmp_path, rows=3), seed=1)
    assert [len(fields_of(path)) for path in (sets.train, sets.dev, sets.test)] == [1, 1, 1]


def test_set_size_is_a_tenth_up_to_what_a_score_needs() -> None:
    assert [set_size(count) for count in (3, 10, 200, 100_000)] == [1, 1, 20, 10_000]
    assert set_size(1_000_000) == 16_368
    assert set_size(10**9) == 16_640
