"""What `bootstrap` advises follows from what its stages found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coqui_stt_training.stages.journal import Done, Journal
from coqui_stt_training.stages.page import next_steps

PAGE = "evaluation/without-scorer.html"


def journal(
    without: tuple[float, float], scored: tuple[float, float] | None, files: list[str]
) -> Journal:
    rates = {"without": {"cer": without[0], "wer": without[1], "page": PAGE}}
    if scored:
        rates["with"] = {"cer": scored[0], "wer": scored[1], "page": PAGE}
    found: dict[str, dict[str, Any]] = {
        "scorer": {"scorer": "scorer/kenlm.scorer"}
        if scored
        else {"scorer": "", "why": "no lmplz"},
        "export": {"files": files, **({} if files else {"why": "no onnx"})},
        "evaluate": rates,
    }
    return Journal(Path("out"), {name: Done({}, facts) for name, facts in found.items()})


@pytest.mark.parametrize(
    ("without", "scored", "uses_scorer", "said"),
    [
        ((0.15, 0.60), (0.10, 0.40), True, "is a start"),
        ((0.15, 0.60), (0.19, 0.45), True, "mends words and spoils characters"),
        ((0.15, 0.60), (0.20, 0.70), False, "The scorer does not help"),
        ((0.15, 0.60), None, False, "There is no scorer: no lmplz"),
        ((0.50, 0.90), (0.45, 0.80), True, "a larger source helps most"),
        ((0.02, 0.08), (0.01, 0.05), True, "Errors are few"),
    ],
)
def test_advice(
    without: tuple[float, float], scored: tuple[float, float] | None, uses_scorer: bool, said: str
) -> None:
    advice = next_steps("clips.csv", journal(without, scored, ["export/output_graph.tflite"]))
    assert advice[0].command.startswith("stt --model out/export/output_graph.tflite ")
    assert ("--scorer out/scorer/kenlm.scorer" in advice[0].command) == uses_scorer
    assert said in " ".join(one.text for one in advice)


def test_a_model_that_could_not_be_exported() -> None:
    advice = next_steps("clips.csv", journal((0.1, 0.2), None, []))
    assert "It is not exported: no onnx" in [one.text for one in advice]
    assert not any(one.command.startswith("stt") for one in advice)
