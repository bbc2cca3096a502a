"""Runs the stages of a bootstrap in order, and records each one that is done."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stt.durations import say_duration

from ..checkpoints.recognise import BOOTSTRAP_RECORD
from ..cli.pipeline_flags import PipelineFlags
from ..errors import CheckpointError
from ..experiments.digest import digest_of
from ..experiments.running import as_typed, run_shown
from .commands import SplitFiles
from .inputs import BootstrapInputs, sets_of
from .journal import BootstrapJournal, Done


@dataclass(frozen=True)
class Stage:
    """A stage of a bootstrap.

    Attributes:
        name: name of the stage, in the journal and for people.
        title: short description.
        inputs: names of its inputs, besides the results of earlier stages.
        work: function that does the work, and returns its results.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    work: Callable[[StageWalk], dict[str, Any]]


class StageWalk:
    """Runs the stages.

    Args:
        data: the collection, as the user named it.
        inputs: checked inputs of the bootstrap.
        flags: flags of the command.
        journal: record of the finished stages.
        stages: stages, in order.
        show: called with each line of output.
    """

    def __init__(
        self,
        data: str,
        inputs: BootstrapInputs,
        flags: PipelineFlags,
        journal: BootstrapJournal,
        stages: Sequence[Stage],
        show: Callable[[str], object],
    ) -> None:
        self.data = data
        self.inputs = inputs
        self.flags = flags
        self.journal = journal
        self.stages = stages
        self.out = Path(flags.out)
        self._show = show
        self._ran: list[str] = []
        self._made: list[str] = []

    def run(self) -> None:
        """Run the stages that are not done, or whose inputs have changed.

        Raises:
            StoppedError: a command was interrupted.
            UserError: a command failed.
        """
        worked = False
        for number, stage in enumerate(self.stages, 1):
            header = f"=== {number}/{len(self.stages)} {stage.name}: {stage.title}"
            wanted = self._digests(stage.inputs)
            done = self.journal.stages.get(stage.name)
            changes = self._changes(done, wanted) if done else []
            if done and not changes:
                self._show(f"{header}: done before")
                continue
            if changes:
                self._forget(number - 1, changes)
            self._show(f"\n{header}")
            made = self._do(stage, wanted)  # this may add places to the journal
            self.journal = self.journal.with_stage(stage.name, made)
            worked = True
        if not worked:
            self._show(f"Nothing is left to do. What it gave, and what to do next: {self.page}")

    @property
    def page(self) -> Path:
        """The path of the report."""
        return self.out / "report.html"

    def found(self, stage: str, name: str) -> Any:
        """Return a result of a finished stage.

        Raises:
            CheckpointError: the journal has no such result.
        """
        found = self.journal.stages[stage].found
        if name not in found:
            raise CheckpointError(
                f"{self.out / BOOTSTRAP_RECORD} is damaged (the stage {stage} has no {name}); "
                "choose another --out, or remove the file and everything beside it"
            )
        return found[name]

    @property
    def sets(self) -> SplitFiles:
        """The train, dev and test set, and the synthetic speech if there is any."""
        done = self.journal.stages.get("speak")
        spoken = done.found.get("clips") if done else None
        beside = [f"{self.out / spoken}:{self.flags.spoken_share:g}"] if spoken else []
        return SplitFiles(*sets_of(self.inputs.split), tuple(beside))

    @property
    def model(self) -> Path:
        """The folder of the trained checkpoint."""
        return self.out / str(self.found("train", "folder"))

    @property
    def scorers(self) -> dict[str, Path]:
        """The scorers that were built, by kind."""
        return {kind: self.out / name for kind, name in self.found("scorer", "scorers").items()}

    @property
    def scorer(self) -> Path | None:
        """The scorer that was chosen; None: no scorer."""
        return self.scorers.get(self.found("tune", "kind"))

    @property
    def alphabet(self) -> Path | None:
        """The alphabet file of the data; None: the model writes bytes."""
        name = self.found("split", "alphabet")
        return Path(name) if name else None

    def command(self, module: str, words: Sequence[str]) -> None:
        """Print a command as a user would type it, and run it.

        Raises:
            StoppedError: the command ended with an exit status other than 0.
            UserError: the command failed.
        """
        self._ran.append(as_typed(module, words))
        run_shown(module, words, self._show)

    def keep(self, *paths: Path) -> None:
        """Record outputs of the stage; if one of them is missing later, the stage is repeated."""
        for path in paths:
            inside = path.is_relative_to(self.out)
            self._made.append(str(path.relative_to(self.out) if inside else path.absolute()))

    def say(self, text: str) -> None:
        """Show a line of output about the stage."""
        self._show(text)

    def _do(self, stage: Stage, wanted: Mapping[str, str]) -> Done:
        self._ran = []
        begun, cpu = time.monotonic(), _cpu_seconds()
        self._made = []
        found = stage.work(self)
        seconds, cpu_seconds = time.monotonic() - begun, _cpu_seconds() - cpu
        self._show(f"Done in {say_duration(seconds)}, {say_duration(cpu_seconds)} of CPU time")
        return Done(wanted, found, tuple(self._made), tuple(self._ran), seconds, cpu_seconds)

    def _changes(self, done: Done, wanted: Mapping[str, str]) -> list[str]:
        """Return the reasons to repeat a finished stage; empty if there are none."""
        names = dict.fromkeys((*wanted, *done.inputs))
        changed = [name for name in names if done.inputs.get(name) != wanted.get(name)]
        lost = [path for path in done.made if not (self.out / path).exists()]
        return [
            *([f"{' and '.join(changed)} changed since this was made"] if changed else []),
            *(f"{self.out / path} no longer exists" for path in lost),
        ]

    def place(self, kind: str, inputs: Sequence[str], *others: str) -> Path:
        """Return the folder for these inputs; other inputs get another folder."""
        digests = [*others, list(self._digests(inputs).values())]
        self.journal, folder = self.journal.place(kind, digest_of(digests))
        return folder

    def _digests(self, names: Sequence[str]) -> dict[str, str]:
        """Return the digests of the inputs that this bootstrap has."""
        digests = self.inputs.digests
        return {name: digests[name] for name in names if name in digests}

    def _forget(self, index: int, changes: Sequence[str]) -> None:
        left = [stage.name for stage in self.stages[index:] if stage.name in self.journal.stages]
        self._show(f"\n{'; '.join(changes)}. Repeating: {', '.join(left)}")
        self.journal = self.journal.without(left)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
