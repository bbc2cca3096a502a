"""The sources of a scorer's alphabet."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_training.errors import AlphabetError, CheckpointError
from coqui_stt_training.lm.generate_scorer_package import find_alphabet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "alphabet.txt").write_text("a\nb\n")
    return tmp_path


def test_a_folder_without_a_model_has_the_alphabet_of_its_file(folder: Path) -> None:
    assert list(find_alphabet(str(folder), "", False).labels) == ["a", "b"]
    (folder / "alphabet.txt").unlink()
    with pytest.raises(CheckpointError, match="empty directory"):
        find_alphabet(str(folder), "", False)


def test_a_damaged_checkpoint_is_told_whatever_lies_beside_it(folder: Path) -> None:
    (folder / "best_dev-7.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{broken}")
    (folder / "best_dev_checkpoint").write_text('model_checkpoint_path: "best_dev-7.safetensors"\n')
    with pytest.raises(CheckpointError, match=r"best_dev-7\.safetensors"):
        find_alphabet(str(folder), "", False)


def test_the_given_alphabet_must_be_the_own(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("x\n")
    with pytest.raises(AlphabetError, match="differs from that of"):
        find_alphabet(str(folder), str(other), False)
    assert list(find_alphabet("", str(other), False).labels) == ["x"]
