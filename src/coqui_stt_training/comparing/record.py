"""`comparison.json`: what trainings came to, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..experiments.measurements import Measurements, read_measurements

RECORD = "comparison.json"


@dataclass(frozen=True)
class ComparisonMeasurement:
    """One training.

    Attributes:
        way: its name.
        seed: of the training.
        cer: character error rate on the test files.
        wer: word error rate on them.
        cpu_minutes: that it took; None where it was interrupted.
        clip_errors: wrong characters in each test clip.
        clip_lengths: characters in each.
        command: that was run.
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
    """Return what a folder records; nothing where it is new.

    Raises:
        CheckpointError: the record is damaged, or of a later release.
    """
    return read_measurements(folder / RECORD, ComparisonMeasurement, "found")
