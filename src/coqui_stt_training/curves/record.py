"""`curve.json`: the results of all trainings, and the curve through them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..experiments.measurements import Measurements, read_measurements

RECORD = "curve.json"


@dataclass(frozen=True)
class CurveMeasurement:
    """The result of one training.

    Attributes:
        seed: random seed of the part and of the training.
        part: share of the data, 0 to 1.
        clips: number of training clips.
        cer: character error rate on the test files.
        wer: word error rate on the test files.
        command: command line of the training.
    """

    seed: int
    part: float
    clips: int
    cer: float
    wer: float
    command: str


def read_record(folder: Path) -> Measurements[CurveMeasurement]:
    """Read the record of a folder; it is empty in a new folder.

    Raises:
        CheckpointError: the record is damaged, or of a later release.
    """
    return read_measurements(folder / RECORD, CurveMeasurement, "curve")
