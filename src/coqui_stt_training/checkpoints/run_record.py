"""`run.json`: the record of the newest run of a checkpoint folder.

    identity, begun_step, source, ...    how the run began, so that it can begin again
    phase, finished                      how far it is
    last, best                           its checkpoints
    files                                checkpoint files that it has written, or is about to write
    before                               the folder's checkpoints when it began

The file is replaced atomically, so a process may be killed between any two operations: checkpoints
that the record names exist, and other entries of `files` are not needed and are removed by the next
process. Files that the record does not list are never touched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from stt.atomic_file import write_atomically

from ..errors import CheckpointError
from .state_file import Kind, Which, read_small_file

RECORD = "run.json"
# `evaluating` is everything that a command does after its training.
Phase = Literal["training", "evaluating", "done"]


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Attributes:
        identity: settings that are equal if two commands are the same run; see
            `starting_point.py`.
        begun_step: number of training steps of the source model.
        source: source model: a name in the folder, a path elsewhere, or empty: from scratch.
        drops_layers: whether `--drop_source_layers` applied when it began.
        keeps_optimizer: whether it began with the source model's optimizer state.
        phase: its phase.
        finished: why its training ended; empty while it goes on.
        last: names of the checkpoints that it can resume from, oldest first.
        best: name of its best checkpoint; None before the first one.
        files: names of all checkpoint files that it has written or is about to write.
        before: names of the folder's last and best checkpoint when it began, if any.
    """

    identity: Mapping[str, Any]
    begun_step: int
    source: str = ""
    drops_layers: bool = True
    keeps_optimizer: bool = False
    phase: Phase = "training"
    finished: str = ""
    last: tuple[str, ...] = ()
    best: str | None = None
    files: tuple[str, ...] = ()
    before: Mapping[Kind, str] = field(default_factory=dict)

    @property
    def left_over(self) -> tuple[str, ...]:
        """Files that are not needed: superseded, or written but never recorded."""
        return tuple(name for name in self.files if name not in (*self.last, self.best))

    def trimmed(self) -> RunRecord:
        """Return the record after the removal of the files in `left_over`."""
        useless = self.left_over
        return replace(self, files=tuple(name for name in self.files if name not in useless))

    def named(self, kind: Kind) -> str | None:
        """Return the folder's checkpoint of a kind: the run's own, else the one from before it."""
        own = (self.last[-1] if kind == "last" else self.best) if self.last else None
        return own or self.before.get(kind)

    def choose(self, which: Which) -> tuple[str, Kind] | None:
        """Return the folder's checkpoint and its kind, or None if there is none.

        `auto` chooses the best, or else the last. A best checkpoint from before the run is another
        model, so it is not chosen if the run has a last checkpoint.
        """
        kinds: tuple[Kind, ...] = ("best", "last") if which == "auto" else (which,)
        if which == "auto" and self.last and not self.best:
            kinds = ("last",)
        found = [(name, kind) for kind in kinds if (name := self.named(kind))]
        return found[0] if found else None


def read_record(folder: Path) -> RunRecord | None:
    """Return a folder's record, or None if it has none.

    Raises:
        CheckpointError: it is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        kept = json.loads(read_small_file(path))
        return _parse(kept)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is damaged ({type(error).__name__}: {error}); move it away, and the folder's "
            "state files say which checkpoint is which"
        ) from None


def write_record(folder: Path, record: RunRecord) -> None:
    """Replace a folder's record.

    Raises:
        OSError: the folder cannot be written to; the earlier record is untouched.
    """
    text = json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / RECORD, text)


def _parse(kept: Any) -> RunRecord:
    known = {item.name for item in fields(RunRecord)}
    values = {name: value for name, value in dict(kept).items() if name in known}
    for name in ("last", "files"):
        values[name] = tuple(values[name])
    record = RunRecord(**values)
    if not isinstance(record.before, dict) or not isinstance(record.finished, str):
        raise TypeError("before or finished")
    names = [*record.last, *record.files, *record.before.values()]
    names += [record.best] if record.best is not None else []
    for name in names:
        if not is_file_name(name):
            raise ValueError(f"{name!r} is not the name of a file in the folder")
    if record.phase not in get_args(Phase) or not isinstance(record.begun_step, int):
        raise ValueError(f"phase {record.phase!r}, begun_step {record.begun_step!r}")
    if not isinstance(record.identity, dict) or not isinstance(record.source, str):
        raise TypeError("identity or source")
    return record


def is_file_name(name: object) -> bool:
    """Whether a value is the name of a file in a folder, and leads to no other folder."""
    is_plain = isinstance(name, str) and name not in ("", "..") and "\0" not in name
    return is_plain and Path(str(name)).name == name
