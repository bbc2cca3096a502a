"""`curve.json`: what trainings on growing parts came to, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..experiments.measurements import Measurements, read_measurements

RECORD = "curve.json"


@dataclass(frozen=True)
class CurveMeasurement:
    """One training.

    Attributes:
        seed: of its part, and of its weights.
        part: of the data, 0 to 1.
        clips: in it.
        cer: character error rate on the test files.
        wer: word error rate on them.
        command: that was run.
    """

    seed: int
    part: float
    clips: int
    cer: float
    wer: float
    command: str


def read_record(folder: Path) -> Measurements[CurveMeasurement]:
    """Return what a folder records; nothing where it is new.

    Raises:
        CheckpointError: the record is damaged, or of a later release.
    """
    return read_measurements(folder / RECORD, CurveMeasurement, "curve")
