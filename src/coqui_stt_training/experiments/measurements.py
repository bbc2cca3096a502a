"""A JSON file of the results of trainings and a conclusion, replaced after each training."""

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
    """Contents of the file.

    Attributes:
        path: path of the file.
        conclusion: key of the conclusion in the file.
        all: measurements by a key made of their inputs. Those with other flags or data are kept.
        found: conclusion of the last command, JSON values.
    """

    path: Path
    conclusion: str
    all: Mapping[str, Measurement] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)

    def add(self, key: str, measurement: Measurement) -> Measurements[Measurement]:
        """Add a measurement, write the file, and return the new contents."""
        return replace(self, all={**self.all, key: measurement}).write()

    def conclude(self, found: Mapping[str, Any]) -> Measurements[Measurement]:
        """Set the conclusion, write the file, and return the new contents."""
        return replace(self, found=found).write()

    def write(self) -> Measurements[Measurement]:
        """Write the file, and its folder if it is missing; return self."""
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
    """Read a file of measurements; without a file, there are none.

    Args:
        path: path of the file.
        kind: class of the measurements.
        conclusion: key of the conclusion in the file.

    Raises:
        CheckpointError: the file is damaged, or of a later release.
    """

    def parse(content: Mapping[str, Any]) -> Measurements[Measurement]:
        measurements = {
            str(key): restore(kind, one) for key, one in content["measurements"].items()
        }
        return Measurements(path, conclusion, measurements, dict(content[conclusion]))

    return read_versioned(path, _VERSION, parse) or Measurements(path, conclusion)
