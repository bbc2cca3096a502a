"""Results per clip are kept in a file, and errors of a full disk name it."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_training.checking.results_file import ResultsFile
from coqui_stt_training.errors import CorpusError

FULL = Path("/dev/full")


def test_results_are_there_again_but_for_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    with ResultsFile(path, "one") as results:
        results.add("a", [1, "x"])
        results.add("b", [2])
    path.write_text(path.read_text()[:-3])
    with ResultsFile(path, "one") as results:
        assert results.get("a") == [1, "x"]
        assert results.get("b") is None
    with ResultsFile(path, "another kind") as results:
        assert results.get("a") is None


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_disk_is_said_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.symlink_to(FULL)
    results = ResultsFile(path, "one")
    results.add("a", [1])
    with pytest.raises(CorpusError, match=r"results\.jsonl: cannot be written \(No space left"):
        results.flush()
    with pytest.raises(KeyError), ResultsFile(path, "one"):
        raise KeyError  # the first error is reported
