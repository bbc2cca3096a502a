"""`comparison.json`: what trainings came to, and what follows; replaced whole after each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stt.plain_values import restore

from ..stages.versioned_file import read_versioned, write_versioned

RECORD = "comparison.json"
_VERSION = 1


@dataclass(frozen=True)
class Measurement:
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


@dataclass(frozen=True)
class Record:
    """What is recorded in a folder.

    Attributes:
        measurements: by what they were made of, way and seed. Those of other flags or data stay.
        found: what follows from the last command's, JSON values.
    """

    measurements: Mapping[str, Measurement] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)

    def with_measurement(self, key: str, measurement: Measurement) -> Record:
        """Add a measurement."""
        return replace(self, measurements={**self.measurements, key: measurement})

    def write(self, folder: Path) -> Record:
        """Put it into a folder, which is made where it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "found": dict(self.found),
            "measurements": {key: asdict(one) for key, one in self.measurements.items()},
        }
        write_versioned(folder / RECORD, _VERSION, content)
        return self


def read_record(folder: Path) -> Record:
    """Return what a folder records; nothing where it is new.

    Raises:
        CheckpointError: the record is damaged, or of a later release.
    """
    return read_versioned(folder / RECORD, _VERSION, _parse) or Record()


def _parse(content: Mapping[str, Any]) -> Record:
    return Record(
        {str(key): restore(Measurement, one) for key, one in content["measurements"].items()},
        dict(content["found"]),
    )
