"""A checkpoint folder: upstream's names, our files.

    checkpoint             names the most recent checkpoint, and all others
    best_dev_checkpoint    names the one with the best validation loss
    train-STEP.safetensors, best_dev-STEP.safetensors
    alphabet.txt, flags.txt

The two state files have upstream's format, so a folder that holds a TensorFlow checkpoint can take
our files beside it: what was there stays there, listed and loadable by name, and the state files go
on to name the newest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from stt.atomic_file import remove_partial_files, write_atomically

from ..errors import CheckpointError
from .file import SUFFIX, Checkpoint, read_checkpoint, write_checkpoint
from .state_file import STATE_FILES, Kind, read_state, write_state

_STEMS: Mapping[Kind, str] = {"last": "train", "best": "best_dev"}
_STEP = re.compile(r"(?:train|best_dev)-(\d+)(?:\.safetensors|\.index)$")


@dataclass(frozen=True)
class CheckpointFolder:
    """Reads and writes the checkpoints of a folder."""

    path: Path

    def newest_of_ours(self, kind: Kind) -> Path | None:
        """Return the checkpoint that a state file names, if it is in our format, or None.

        Raises:
            CheckpointError: the state file is damaged.
        """
        names = read_state(self.path / STATE_FILES[kind])
        newest = self.path / names[0] if names else None
        return newest if newest and newest.suffix == SUFFIX and newest.exists() else None

    def highest_step(self) -> int:
        """Return the highest step in any checkpoint's name, of whatever format; 0 if none."""
        if not self.path.is_dir():
            return 0
        matches = (_STEP.match(file.name) for file in self.path.iterdir())
        return max((int(match[1]) for match in matches if match), default=0)

    def read(self, kind: Kind) -> Checkpoint | None:
        """Read the newest checkpoint of our format, or None.

        Raises:
            CheckpointError: it is damaged.
        """
        newest = self.newest_of_ours(kind)
        return read_checkpoint(newest) if newest else None

    def save(self, kind: Kind, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, then name it in the state file.

        Raises:
            CheckpointError: the folder cannot be written to; earlier checkpoints are intact.
        """
        path = self.path / f"{_STEMS[kind]}-{checkpoint.step}{SUFFIX}"
        state_file = self.path / STATE_FILES[kind]
        try:
            write_checkpoint(path, checkpoint)
            newest_first = read_state(state_file)
            known = [*newest_first[1:], *newest_first[:1]]
            others = [name for name in known if name != path.name and self._exists(name)]
            write_state(state_file, path.name, others)
        except (OSError, SafetensorError) as error:
            raise CheckpointError(
                f"{path} cannot be written ({_reason(error)}); {self._what_is_left(checkpoint)}"
            ) from None
        return path

    def _what_is_left(self, failed: Checkpoint) -> str:
        """Say what a run has on disk when a checkpoint cannot be written, and how to go on."""
        begun_step = int((failed.run or {}).get("begun_step", 0))
        ours = {
            kind: file.name
            for kind in _STEMS
            if (file := self.newest_of_ours(kind))
            and (match := _STEP.match(file.name))
            and int(match[1]) > begun_step
        }
        remedy = "Make room or mend the folder, then run the same command again"
        if "last" in ours:
            return (
                f"the checkpoints saved before are intact: {', '.join(ours.values())}. {remedy} "
                f"to go on from {ours['last']}"
            )
        if "best" in ours:
            return (
                f"this run has {ours['best']}, the best weights so far, and no checkpoint that it "
                f"can go on from. {remedy}, which begins a new run; to begin with those weights, "
                "name the file with --load_checkpoint_dir and another --save_checkpoint_dir"
            )
        return f"this run has no checkpoint yet. {remedy} to begin anew"

    def prune(self, kind: Kind, keep: int, newer_than_step: int) -> None:
        """Delete the oldest checkpoints of a run: those beyond `keep` that began after a step."""
        ours = [
            (int(match[1]), file)
            for file in self.path.glob(f"{_STEMS[kind]}-*{SUFFIX}")
            if (match := _STEP.match(file.name)) and int(match[1]) > newer_than_step
        ]
        for _, file in sorted(ours)[:-keep]:
            file.unlink()

    def describe(self, flags: Mapping[str, Any], alphabet_text: bytes) -> None:
        """Make the folder, with `flags.txt` and `alphabet.txt` for people; checkpoints hold both.

        Files that came with a checkpoint of another format describe that one and are left alone.

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
            raise CheckpointError(
                f"{self.path} cannot be written to ({_reason(error)}); name another folder with "
                "--save_checkpoint_dir"
            ) from None

    def _exists(self, name: str) -> bool:
        return (self.path / name).exists() or (self.path / f"{name}.index").exists()


def _reason(error: Exception) -> str:
    """Return the system's words for why a file could not be written."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error).removeprefix("Error while serializing: ").removeprefix("I/O error: ")
