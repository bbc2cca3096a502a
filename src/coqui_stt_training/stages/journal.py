"""`bootstrap.json`: which stages of a bootstrap are done, their inputs and their results.

The file is replaced atomically after each stage, so that a killed bootstrap resumes with the stage
that it did not finish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from stt.plain_values import restore

from ..checkpoints.recognise import BOOTSTRAP_RECORD
from ..experiments.versioned_file import read_versioned, write_versioned

_VERSION = 1


@dataclass(frozen=True)
class Done:
    """A stage that is done.

    Attributes:
        inputs: digest of each input, by its name in words.
        found: results of the stage, as JSON values.
        made: files and folders that must exist, absolute or relative to the bootstrap's folder.
        commands: commands that it ran.
        seconds: duration since the stage was last begun.
        cpu_seconds: CPU time since the stage was last begun.
    """

    inputs: Mapping[str, str]
    found: Mapping[str, Any] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class BootstrapJournal:
    """The record of a bootstrap's folder.

    Attributes:
        folder: the folder.
        stages: finished stages, by name.
        places: names of subfolders, by kind and digest of the inputs. Other inputs get another
            subfolder, so that earlier results are neither lost nor mixed with new ones.
    """

    folder: Path
    stages: Mapping[str, Done] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def with_stage(self, name: str, done: Done) -> BootstrapJournal:
        """Record a finished stage."""
        return replace(self, stages={**self.stages, name: done})._write()

    def without(self, names: Sequence[str]) -> BootstrapJournal:
        """Remove stages, so that they are done again."""
        left = {name: done for name, done in self.stages.items() if name not in names}
        return replace(self, stages=left)._write()

    def place(self, kind: str, digest: str) -> tuple[BootstrapJournal, Path]:
        """Return the subfolder for some inputs: `training`, `training-2`, ..."""
        key = f"{kind}:{digest}"
        if key in self.places:
            return self, self.folder / self.places[key]
        count = sum(known.startswith(f"{kind}:") for known in self.places)
        name = f"{kind}-{count + 1}" if count else kind
        return replace(self, places={**self.places, key: name})._write(), self.folder / name

    def _write(self) -> BootstrapJournal:
        content = {
            "stages": {name: asdict(done) for name, done in self.stages.items()},
            "places": dict(self.places),
        }
        write_versioned(self.folder / BOOTSTRAP_RECORD, _VERSION, content)
        return self


def read_journal(folder: Path) -> BootstrapJournal:
    """Return the journal of a folder; an empty one if the folder has none.

    Raises:
        CheckpointError: the record is damaged, or of a later release.
    """

    def parse(content: Mapping[str, Any]) -> BootstrapJournal:
        stages = {name: restore(Done, values) for name, values in content["stages"].items()}
        places = {str(key): _plain_name(name) for key, name in content["places"].items()}
        return BootstrapJournal(folder, stages, places)

    return read_versioned(folder / BOOTSTRAP_RECORD, _VERSION, parse) or BootstrapJournal(folder)


def _plain_name(name: object) -> str:
    if not isinstance(name, str) or Path(name).name != name:
        raise ValueError(f"{name!r} names no folder in it")
    return name
