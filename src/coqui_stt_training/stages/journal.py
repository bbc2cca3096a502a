"""`bootstrap.json`: which stages of a bootstrap are done, what of, and what they found.

The file is replaced whole after each stage, so that whoever comes after a kill goes on with the
stage that was not finished.
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
        inputs: digests of all that it was made of, by what it is in words.
        found: what it found out, JSON values.
        made: files and folders that must be there, as paths in the folder or absolute ones.
        commands: that it ran.
        seconds: how long it took, since it was last begun.
        cpu_seconds: of all processors, likewise.
    """

    inputs: Mapping[str, str]
    found: Mapping[str, Any] = field(default_factory=dict)
    made: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class BootstrapJournal:
    """What is recorded in a folder.

    Attributes:
        folder: where.
        stages: those that are done, by name.
        places: names of folders within it, by a digest of what is made there. Other inputs get
            another folder, so that nothing of earlier ones is lost or mixed in.
    """

    folder: Path
    stages: Mapping[str, Done] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)

    def with_stage(self, name: str, done: Done) -> BootstrapJournal:
        """Record a stage."""
        return replace(self, stages={**self.stages, name: done})._write()

    def without(self, names: Sequence[str]) -> BootstrapJournal:
        """Forget stages, which are to be done anew."""
        left = {name: done for name, done in self.stages.items() if name not in names}
        return replace(self, stages=left)._write()

    def place(self, kind: str, digest: str) -> tuple[BootstrapJournal, Path]:
        """Return the folder for what is made of some inputs: `training`, `training-2`, ..."""
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
    """Return what a folder records; nothing where it is new.

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
