"""The description of the machine that commands print."""

from __future__ import annotations

import logging

import pytest
import torch

from coqui_stt_training.runs import machine
from coqui_stt_training.runs.machine import warn_of_slow_precision


@pytest.mark.parametrize(
    ("device", "fast", "warns"),
    [("cpu", False, True), ("cpu", True, False), ("cuda", False, False)],
)
def test_mixed_precision_that_saves_no_time_is_said(
    device: str,
    fast: bool,
    warns: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(machine, "has_fast_bfloat16", lambda: fast)
    with caplog.at_level(logging.WARNING):
        warn_of_slow_precision(torch.device(device))
    assert ("--automatic_mixed_precision true takes longer" in caplog.text) == warns
