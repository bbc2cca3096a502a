"""Queries of a language model that need no scorer."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_ctcdecoder.errors import ScorerError
from coqui_stt_ctcdecoder.scorer_file import language_model_bytes, words_known
from stt_models import SCORERS

SCORER = SCORERS / "smoke_word.scorer"


@pytest.mark.skipif(not SCORER.is_file(), reason="the reference files are not there")
def test_a_language_model_knows_its_words_and_its_size() -> None:
    assert words_known(SCORER, ["she", "xyzzy", "water"]) == [True, False, True]
    size = language_model_bytes(SCORER)
    assert SCORER.read_bytes()[size:][:4] == b"EIRT"  # start of the scorer's own part


def test_what_is_no_language_model_is_told(tmp_path: Path) -> None:
    file = tmp_path / "none.binary"
    file.write_bytes(b"no language model")
    with pytest.raises(ScorerError):
        language_model_bytes(file)
    with pytest.raises(ScorerError):
        words_known(file, ["word"])
