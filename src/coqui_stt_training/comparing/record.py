"""`comparison.json`: the results of all trainings, and the conclusion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..experiments.measurements import Measurements, read_measurements

RECORD = "comparison.json"


@dataclass(frozen=True)
class ComparisonMeasurement:
    """The result of one training.

    Attributes:
        way: name of the way.
        seed: random seed of the training.
        cer: character error rate on the test files.
        wer: word error rate on the test files.
        cpu_minutes: CPU time; None if the training was interrupted.
        clip_errors: number of character errors in each test clip.
        clip_lengths: number of characters in each test clip's reference.
        command: command line of the training.
    """

    way: str
    seed: int
    cer: float
    wer: float
    cpu_minutes: float | None
    clip_errors: tuple[int, ...]
    clip_lengths: tuple[int, ...]
    command: str


def read_record(folder: Path) -> Measurements[ComparisonMeasurement]:
    """Read the record of a folder; it is empty in a new folder.

    Raises:
        CheckpointError: the record is damaged, or of a later release.
    """
    return read_measurements(folder / RECORD, ComparisonMeasurement, "found")
