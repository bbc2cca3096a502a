"""A JSON file of what trainings came to, and what follows from it; replaced whole after each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from stt.plain_values import restore

from .versioned_file import read_versioned, write_versioned

_VERSION = 1

Measurement = TypeVar("Measurement")  # a dataclass of JSON values


@dataclass(frozen=True)
class Measurements(Generic[Measurement]):
    """What is recorded in a file.

    Attributes:
        path: the file.
        conclusion: what is found is called in it.
        all: by what they were made of. Those of other flags or data stay.
        found: what follows from the last command's, JSON values.
    """

    path: Path
    conclusion: str
    all: Mapping[str, Measurement] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)

    def add(self, key: str, measurement: Measurement) -> Measurements[Measurement]:
        """Return these and another one, which is written."""
        return replace(self, all={**self.all, key: measurement}).write()

    def conclude(self, found: Mapping[str, Any]) -> Measurements[Measurement]:
        """Return these with what follows from them, which is written."""
        return replace(self, found=found).write()

    def write(self) -> Measurements[Measurement]:
        """Write them; their folder is made where it is missing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            self.conclusion: dict(self.found),
            "measurements": {key: asdict(one) for key, one in self.all.items()},  # type: ignore[call-overload]
        }
        write_versioned(self.path, _VERSION, content)
        return self


def read_measurements(
    path: Path, kind: type[Measurement], conclusion: str
) -> Measurements[Measurement]:
    """Return what a file records; nothing where there is none.

    Args:
        path: the file.
        kind: of the measurements.
        conclusion: what is found is called in it.

    Raises:
        CheckpointError: it is damaged, or of a later release.
    """

    def parse(content: Mapping[str, Any]) -> Measurements[Measurement]:
        measurements = {
            str(key): restore(kind, one) for key, one in content["measurements"].items()
        }
        return Measurements(path, conclusion, measurements, dict(content[conclusion]))

    return read_versioned(path, _VERSION, parse) or Measurements(path, conclusion)
