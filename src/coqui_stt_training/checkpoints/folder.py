"""A checkpoint folder, with upstream's file names.

    run.json               record of the newest run; see `run_record.py`
    checkpoint             names the most recent checkpoint, and all others
    best_dev_checkpoint    names the best checkpoint on the validation set
    train-STEP.safetensors, best_dev-STEP.safetensors
    alphabet.txt, flags.txt

The two state files have upstream's format. In a folder with a TensorFlow checkpoint they continue
to name that checkpoint, so that upstream can still read it; `run.json` names our files beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from stt.atomic_file import remove_partial_files, write_atomically

from ..errors import CheckpointError
from .file import SUFFIX, Checkpoint, read_checkpoint, write_checkpoint
from .run_record import RECORD, RunRecord, read_record, write_record
from .state_file import STATE_FILES, Kind, read_state, write_state

_STEMS: Mapping[Kind, str] = {"last": "train", "best": "best_dev"}
_STEP = re.compile(r"(?:train|best_dev)-(\d+)(?:\.\d+)?(?:\.safetensors|\.index)$")


@dataclass(frozen=True)
class CheckpointFolder:
    """Reads and writes the checkpoints of a folder."""

    path: Path

    def newest_of_ours(self, kind: Kind) -> Path | None:
        """Return the folder's last or best checkpoint if it is in our format, else None.

        Raises:
            CheckpointError: the record or the state file is damaged.
        """
        record = read_record(self.path)
        name = record.named(kind) if record else None
        if name is None:
            name = next(iter(read_state(self.path / STATE_FILES[kind])), None)
        newest = self.path / name if name else None
        return newest if newest and newest.suffix == SUFFIX and newest.exists() else None

    def highest_step(self) -> int:
        """Return the highest step in the name of any checkpoint, of any format; 0 if there is none.

        Files that an interrupted run has left unrecorded do not count.
        """
        if not self.path.is_dir():
            return 0
        record = read_record(self.path)
        useless = record.left_over if record else ()
        names = (file.name for file in self.path.iterdir() if file.name not in useless)
        matches = (_STEP.match(name) for name in names)
        return max((int(match[1]) for match in matches if match), default=0)

    def read(self, kind: Kind) -> Checkpoint | None:
        """Return the folder's last or best checkpoint if it is in our format, else None.

        Raises:
            CheckpointError: it is damaged.
        """
        newest = self.newest_of_ours(kind)
        return read_checkpoint(newest) if newest else None

    def models_before(self) -> dict[Kind, str]:
        """Return the names of the last and the best checkpoint, for a run that begins here.

        Raises:
            CheckpointError: the record or a state file is damaged.
        """
        record = read_record(self.path)
        found: dict[Kind, str] = {}
        for kind, state_file in STATE_FILES.items():
            name = record.named(kind) if record else None
            name = name or next(iter(read_state(self.path / state_file)), None)
            if name and self._exists(name):
                found[kind] = name
        return found

    def take_over(self, record: RunRecord) -> RunRecord:
        """Record a run as the folder's newest, after removing files that are no longer needed.

        These are the unrecorded files of the run before, and the superseded ones of this run.

        Returns:
            The record, without the files that were removed.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        try:
            earlier = read_record(self.path)
            useless = (*(earlier.left_over if earlier else ()), *record.left_over)
            self._remove(name for name in useless if name != record.source)
            record = record.trimmed()
            write_record(self.path, record)
            self._name_in_state_files(record)
        except OSError as error:
            raise self._unwritable(error) from None
        return record

    def write(self, kind: Kind, checkpoint: Checkpoint, record: RunRecord) -> tuple[str, RunRecord]:
        """Write a checkpoint of a run, after noting its file name in the run's record.

        Returns:
            The file's name, and the record.

        Raises:
            CheckpointError: the folder cannot be written to; recorded checkpoints are intact.
        """
        name = self._free_name(kind, checkpoint.step, record)
        noted = replace(record, files=tuple(dict.fromkeys((*record.files, name))))
        try:
            write_record(self.path, noted)
            write_checkpoint(self.path / name, checkpoint)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{self.path / name} cannot be written ({_reason(error)}); {_what_is_left(record)}"
            ) from None
        return name, noted

    def record(self, record: RunRecord) -> RunRecord:
        """Write the record of a run, then remove the files that it no longer needs.

        Returns:
            The record, without the files that were removed.

        Raises:
            CheckpointError: the folder cannot be written to; the earlier record is intact.
        """
        try:
            write_record(self.path, record)
            self._name_in_state_files(record)
            self._remove(record.left_over)
        except OSError as error:
            recorded = read_record(self.path) or record
            raise CheckpointError(
                f"{self.path / RECORD} cannot be written ({_reason(error)}); "
                f"{_what_is_left(recorded)}"
            ) from None
        return record.trimmed()

    def save(self, kind: Kind, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint that belongs to no run, and name it in the state file.

        Raises:
            CheckpointError: the folder cannot be written to; earlier checkpoints are intact.
        """
        path = self.path / f"{_STEMS[kind]}-{checkpoint.step}{SUFFIX}"
        try:
            write_checkpoint(path, checkpoint)
            self.name(kind, path.name)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"{path} cannot be written ({_reason(error)})") from None
        return path

    def name(self, kind: Kind, name: str, useless: Sequence[str] = ()) -> None:
        """Name a checkpoint in a state file, unless that names a TensorFlow checkpoint.

        Args:
            kind: which state file.
            name: name of the checkpoint.
            useless: names of checkpoints that will be removed, which are not listed.
        """
        state_file = self.path / STATE_FILES[kind]
        newest_first = read_state(state_file)
        known = [*newest_first[1:], *newest_first[:1]]
        theirs = [one for one in known if (self.path / f"{one}.index").exists()]
        if theirs:
            if not (self.path / f"{newest_first[0]}.index").exists():
                write_state(state_file, theirs[-1], theirs[:-1])
            return
        others = [one for one in known if one not in (name, *useless) and self._exists(one)]
        if newest_first != [name, *others]:
            write_state(state_file, name, others)

    def describe(self, flags: Mapping[str, Any], alphabet_text: bytes) -> None:
        """Make the folder, with `flags.txt` and `alphabet.txt` for people to read.

        Checkpoints hold both. If the folder has a TensorFlow checkpoint, these files describe that
        one and are left alone.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            remove_partial_files(self.path)
            if any(self.path.glob("*.index")):
                return
            text = json.dumps(flags, indent=2, ensure_ascii=False) + "\n"
            write_atomically(self.path / "flags.txt", text)
            write_atomically(self.path / "alphabet.txt", alphabet_text)
        except OSError as error:
            raise self._unwritable(error) from None

    def _free_name(self, kind: Kind, step: int, record: RunRecord) -> str:
        """Return a file name for a run's checkpoint, other than those of files not of the run."""
        stem = f"{_STEMS[kind]}-{step}"
        names = (f"{stem}{suffix}{SUFFIX}" for suffix in chain([""], (f".{n}" for n in count(2))))
        return next(
            name for name in names if name in record.files or not (self.path / name).exists()
        )

    def _name_in_state_files(self, record: RunRecord) -> None:
        if record.last:
            self.name("last", record.last[-1], record.left_over)
        if record.last and record.best:
            self.name("best", record.best, record.left_over)

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> CheckpointError:
        return CheckpointError(
            f"{self.path} cannot be written to ({_reason(error)}); name another folder with "
            "--save_checkpoint_dir"
        )

    def _exists(self, name: str) -> bool:
        return (self.path / name).exists() or (self.path / f"{name}.index").exists()


def adopt(folder: Path, last: Checkpoint) -> RunRecord:
    """Return a record for a run of an earlier release, which has none, from its last checkpoint.

    Raises:
        CheckpointError: the checkpoint lacks information about the run.
    """
    run = last.run or {}
    missing = {"identity", "begun_step", "best_checkpoint", "finished"} - run.keys()
    if missing:
        raise CheckpointError(
            f"{folder}: its last checkpoint does not say {', '.join(sorted(missing))} of its run; "
            "to begin anew from it: --run new"
        )
    begun: int = run["begun_step"]
    steps = {
        file.name: int(match[1])
        for file in folder.glob(f"*{SUFFIX}")
        if (match := _STEP.match(file.name)) and int(match[1]) > begun
    }
    earlier = (name for name in sorted(steps, key=steps.__getitem__) if steps[name] < last.step)
    newest = f"{_STEMS['last']}-{last.step}{SUFFIX}"
    return RunRecord(
        identity=run["identity"],
        begun_step=begun,
        phase="done" if run["finished"] else "training",
        finished=run["finished"],
        last=(*(name for name in earlier if name.startswith(_STEMS["last"])), newest),
        best=run["best_checkpoint"],
        files=tuple(steps),
    )


def _what_is_left(record: RunRecord) -> str:
    """Return a message on the checkpoints that a run has on disk, and how to continue."""
    remedy = "Make room or mend the folder, then run the same command again"
    if record.last:
        names = ", ".join(filter(None, (record.last[-1], record.best)))
        return (
            f"the checkpoints saved before are intact: {names}. {remedy} to go on from "
            f"{record.last[-1]}"
        )
    unrecorded = [name for name in record.files if name.startswith(_STEMS["best"])]
    if unrecorded:
        return (
            f"this run has {unrecorded[-1]}, the best weights so far, and no checkpoint that it "
            f"can go on from. {remedy}, which begins the run once more, where it began before; to "
            "keep those weights, copy the file first"
        )
    return f"this run has no checkpoint yet. {remedy} to begin anew"


def _reason(error: Exception) -> str:
    """Return the reason why a file could not be written, in the system's words."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).removeprefix("Error while serializing: ").removeprefix("I/O error: ")
