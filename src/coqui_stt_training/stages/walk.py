"""A walk through the stages of a bootstrap, each recorded once it is done."""

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
    """One stage.

    Attributes:
        name: in the journal and for people.
        title: what it does.
        inputs: of what it is made, beside what the stages before it made.
        work: does it; returns what it found out.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    work: Callable[[StageWalk], dict[str, Any]]


class StageWalk:
    """A walk through the stages.

    Args:
        data: the collection, as the user named it.
        inputs: of the bootstrap, checked.
        flags: of the command.
        journal: what is done already.
        stages: in order.
        show: is given what there is to say.
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
        """Do what is not done.

        Raises:
            StoppedError: a command was interrupted.
            UserError: whatever a command says.
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
            made = self._do(stage, wanted)  # which may name places in the journal
            self.journal = self.journal.with_stage(stage.name, made)
            worked = True
        if not worked:
            self._show(f"Nothing is left to do. What it gave, and what to do next: {self.page}")

    @property
    def page(self) -> Path:
        """The page of all that was done."""
        return self.out / "report.html"

    def found(self, stage: str, name: str) -> Any:
        """Return something that a stage found out, which is done.

        Raises:
            CheckpointError: it is not recorded.
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
        """What there is to train on, and to measure on."""
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
        """The scorers that could be made, by kind."""
        return {kind: self.out / name for kind, name in self.found("scorer", "scorers").items()}

    @property
    def scorer(self) -> Path | None:
        """The scorer that the model is better with, where there is one."""
        return self.scorers.get(self.found("tune", "kind"))

    @property
    def alphabet(self) -> Path | None:
        """The alphabet file of the data; None where the model is to write bytes."""
        name = self.found("split", "alphabet")
        return Path(name) if name else None

    def command(self, module: str, words: Sequence[str]) -> None:
        """Print a command as one types it, and run it.

        Raises:
            StoppedError: it ended with another status than 0.
            UserError: whatever it says.
        """
        self._ran.append(as_typed(module, words))
        run_shown(module, words, self._show)

    def keep(self, *paths: Path) -> None:
        """Note what the stage has made: it is done anew where any of that is gone."""
        for path in paths:
            inside = path.is_relative_to(self.out)
            self._made.append(str(path.relative_to(self.out) if inside else path.absolute()))

    def say(self, text: str) -> None:
        """Say something about the stage."""
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
        """Say why a stage that is done is to be done anew; nothing where it is not."""
        names = dict.fromkeys((*wanted, *done.inputs))
        changed = [name for name in names if done.inputs.get(name) != wanted.get(name)]
        lost = [path for path in done.made if not (self.out / path).exists()]
        return [
            *([f"{' and '.join(changed)} changed since this was made"] if changed else []),
            *(f"{self.out / path} no longer exists" for path in lost),
        ]

    def place(self, kind: str, inputs: Sequence[str], *others: str) -> Path:
        """Return the folder for what is made of inputs: others get another one."""
        digests = [*others, list(self._digests(inputs).values())]
        self.journal, folder = self.journal.place(kind, digest_of(digests))
        return folder

    def _digests(self, names: Sequence[str]) -> dict[str, str]:
        """Return the digests of inputs, of those that there are."""
        digests = self.inputs.digests
        return {name: digests[name] for name in names if name in digests}

    def _forget(self, index: int, changes: Sequence[str]) -> None:
        left = [stage.name for stage in self.stages[index:] if stage.name in self.journal.stages]
        self._show(f"\n{'; '.join(changes)}. Repeating: {', '.join(left)}")
        self.journal = self.journal.without(left)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
