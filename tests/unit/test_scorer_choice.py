"""The scorer that a bootstrap delivers: one that is not worse on the dev set."""

from __future__ import annotations

from pathlib import Path

import pytest

from coqui_stt_training.errors import CorpusError
from coqui_stt_training.lm.tuning import TuningRates
from coqui_stt_training.stages.scorer_choice import Tuned, choose_scorer, read_tuned

WITHOUT = TuningRates(0.45, 0.10)


@pytest.mark.parametrize(
    ("words", "characters", "kind"),
    [
        ((0.40, 0.09), (0.41, 0.08), "words"),
        ((0.42, 0.19), (0.41, 0.08), "characters"),  # the word scorer spoils unknown words
        ((0.42, 0.19), (0.44, 0.11), ""),
        ((0.45, 0.10), (0.45, 0.10), ""),  # no better than without a scorer
        ((0.45, 0.09), None, "words"),
        ((0.50, 0.08), None, ""),
        (None, (0.45, 0.09), "characters"),
    ],
)
def test_the_scorer_that_loses_nothing(
    words: tuple[float, float] | None, characters: tuple[float, float] | None, kind: str
) -> None:
    given = {"words": words, "characters": characters}
    tuned = {name: Tuned(WITHOUT, TuningRates(*rates)) for name, rates in given.items() if rates}
    choice = choose_scorer(tuned)
    assert choice.kind == kind
    assert "WER 0.450, CER 0.100" in choice.why
    if kind:
        assert f"the scorer of {kind}" in choice.why
    else:
        assert all(f"that of {name} gives" in choice.why for name in tuned)


def test_nothing_to_choose_from() -> None:
    assert choose_scorer({}).kind == ""


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"without": {"wer": 1}}', "[" * 100_000])
def test_damaged_results(content: str, tmp_path: Path) -> None:
    path = tmp_path / "words.scorer.json"
    path.write_text(content)
    with pytest.raises(CorpusError, match="contains no tuning results"):
        read_tuned(path)
