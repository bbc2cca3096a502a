"""The verdict on a learning curve."""

from __future__ import annotations

import pytest

from coqui_stt_training.curves.outlook import Outlook, look_ahead
from coqui_stt_training.curves.record import CurveMeasurement


def outlook_of(cers: dict[int, float]) -> Outlook:
    measured = [
        CurveMeasurement(
            seed, clips / 64, clips, cer * (1 + 0.01 * seed), min(1.0, 2 * cer), "train"
        )
        for clips, cer in cers.items()
        for seed in (0, 1, 2)
    ]
    return look_ahead(measured, 64, 2.0, 0.8)


@pytest.mark.parametrize(
    ("cers", "said"),
    [
        (
            {16: 0.4, 32: 0.3, 64: 0.225},
            "More data is worth it: twice as much reduces the CER by about 25%",
        ),
        ({16: 0.202, 32: 0.201, 64: 0.2}, "More of the same data helps little"),
        ({16: 0.95, 32: 0.95, 64: 0.95}, "The models transcribe almost nothing (CER 0.96)"),
    ],
)
def test_what_the_curve_means(cers: dict[int, float], said: str) -> None:
    """A curve of models that write nothing useful yet is flat, whatever more data would give."""
    outlook = outlook_of(cers)
    assert outlook.verdict.startswith(said), outlook.verdict
    assert outlook.as_json()["verdict"] == outlook.verdict
