"""The advice of `bootstrap` follows from the results of its stages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coqui_stt_ctcdecoder import UTF8Alphabet
from coqui_stt_training.stages.commands import SplitFiles, scorer_words
from coqui_stt_training.stages.journal import BootstrapJournal, Done
from coqui_stt_training.stages.page import next_steps

SETS = SplitFiles(Path("a/train.csv"), Path("a/dev.csv"), Path("a/test.csv"))

PAGE = "evaluation/without-scorer.html"


def journal(
    without: tuple[float, float], kind: str, files: list[str], has_scorers: bool = True
) -> BootstrapJournal:
    rates = {"without": {"cer": without[0], "wer": without[1], "page": PAGE}}
    kinds = ("words", "characters")
    found: dict[str, dict[str, Any]] = {
        "scorer": {
            "scorers": {one: f"scorer/{one}.scorer" for one in kinds if has_scorers},
            "why": {} if has_scorers else dict.fromkeys(kinds, "no lmplz"),
        },
        "tune": {"kind": kind, "why": f"with what tuning chose: {kind or 'none'}"},
        "export": {"files": files, **({} if files else {"why": "no onnx"})},
        "evaluate": rates,
    }
    return BootstrapJournal(Path("out"), {name: Done({}, facts) for name, facts in found.items()})


@pytest.mark.parametrize("keeps_case", [True, False])
def test_the_scorer_of_a_model_that_writes_bytes_has_the_capitals_of_its_transcripts(
    keeps_case: bool,
) -> None:
    words = scorer_words(
        [Path("a.txt")], Path("m"), Path("s"), UTF8Alphabet(), "characters", True, keeps_case
    )
    assert ("--keep_case" in words) == keeps_case


@pytest.mark.parametrize(
    ("without", "kind", "said"),
    [
        ((0.15, 0.60), "words", "is a start"),
        ((0.15, 0.60), "words", "Best with what tuning chose: words"),
        ((0.15, 0.60), "characters", "Coqui's own clients cannot read a scorer of characters, "
         "but they can read out/scorer/words.scorer"),
        ((0.15, 0.60), "", "More text of the same kind of speech makes a better scorer: --text."),
        ((0.95, 1.00), "words", "check that transcripts match their audio"),
        ((0.50, 0.90), "words", "a larger source helps most"),
        ((0.02, 0.08), "words", "There are few errors"),
    ],
)  # fmt: skip
def test_advice(without: tuple[float, float], kind: str, said: str) -> None:
    advice = next_steps("clips.csv", SETS, journal(without, kind, ["export/output_graph.tflite"]))
    assert advice[0].command.startswith("stt --model out/export/output_graph.tflite ")
    scored = f"--scorer out/scorer/{kind}.scorer" if kind else "--audio"
    assert scored in advice[0].command
    assert ("--scorer" in advice[0].command) == bool(kind)
    assert said in " ".join(one.text for one in advice)
    labelled = "stt label new-recordings --model out --out more.csv"
    assert (labelled in [one.command for one in advice]) == (without[0] == 0.15)
    checked = [one.command for one in advice if "coqui_stt_training.check" in one.command]
    assert all(command.endswith(" a/train.csv a/dev.csv a/test.csv") for command in checked)
    assert bool(checked) == (without[0] > 0.9)


def test_a_scorer_that_could_not_be_made() -> None:
    found = journal((0.15, 0.60), "", ["export/output_graph.onnx"], has_scorers=False)
    said = [one.text for one in next_steps("clips.csv", SETS, found)]
    assert "No scorer of words: no lmplz" in said


def test_a_model_that_could_not_be_exported() -> None:
    advice = next_steps("clips.csv", SETS, journal((0.1, 0.2), "", []))
    assert "Not exported: no onnx" in [one.text for one in advice]
    assert not any(one.command.startswith("stt") for one in advice)
