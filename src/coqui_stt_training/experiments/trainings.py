"""Trainings that a command runs to measure what they come to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cli.config import MachineFlags, OutputFlags
from ..cli.data_flags import DataFlags
from ..cli.spelling import spell_flags
from ..scoring.metrics import DEAF_CER
from .rates import Results, read_results
from .running import as_typed, run_shown

FIRST_SEED = 4568  # that of `train`
# What such a command says to the trainings itself.
OWN = frozenset(
    {
        "checkpoint_dir", "save_checkpoint_dir", "auto_input_dataset", "test_output_file",
        "random_seed", "run", "load_train", "load_evaluate", "report", "one_shot_infer",
    }
)  # fmt: skip
# What makes no difference to what they come to.
NO_RESULT = frozenset({*vars(OutputFlags()), *vars(MachineFlags())})


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Attributes:
        results: on the test files.
        cpu_minutes: that it took, with its tests; None where it went on from an earlier one.
        command: that was run.
    """

    results: Results
    cpu_minutes: float | None
    command: str


def say_own(command: str, given: frozenset[str], own: frozenset[str] = OWN) -> str | None:
    """Say which flags a command is not to be given, if any are.

    Args:
        command: its name.
        given: names of flags.
        own: of those that it says itself.
    """
    if not (theirs := sorted(given & own)):
        return None
    names = ", ".join(f"--{name}" for name in theirs)
    source = "; use --load_checkpoint_dir for the model to start from"
    return f"{names}: {command} sets this itself; leave it out" + (
        source if "checkpoint_dir" in theirs else ""
    )


def say_deaf(cer: float, question: str) -> str | None:
    """Say that trainings answer nothing, if they have not learned to write.

    Args:
        cer: character error rate of the best of them.
        question: what they were to tell.
    """
    if cer <= DEAF_CER:
        return None
    return (
        f"The models transcribe almost nothing (CER {cer:.2f}), which does not tell {question}: "
        "check that transcripts match their audio (python -m coqui_stt_training.check), then "
        "train longer (--epochs), or from another source."
    )


def say_missing(data: DataFlags) -> list[str]:
    """Say which files a command needs to measure trainings by, and is not given."""
    needed = (("train_files", "to train on"), ("test_files", "to measure on"))
    return [f"no data {why}; give --{name}" for name, why in needed if not getattr(data, name)]


def check_training(flags: Mapping[str, Any], folder: Path, show: Callable[[str], object]) -> None:
    """Check all that a training checks before its first step; nothing is made.

    Args:
        flags: for it.
        folder: of its model.
        show: is given the command.

    Raises:
        UserError: whatever it says.
    """
    flags = {**flags, "save_checkpoint_dir": str(folder), "dry_run": True}
    run_shown("train", spell_flags(flags), show)


def run_training(
    flags: Mapping[str, Any],
    folder: Path,
    results: Path,
    seed: int,
    show: Callable[[str], object],
    *,
    keeps_model: bool,
) -> Trained:
    """Train a model, and measure it.

    Args:
        flags: for the training.
        folder: of its model; one that was interrupted there goes on.
        results: file of what it says of each clip of the test files; its folder is made.
        seed: of the training.
        show: is given what there is to say.
        keeps_model: whether it stays when it is measured.

    Raises:
        StoppedError: it was interrupted.
        UserError: whatever it says.
    """
    results.parent.mkdir(parents=True, exist_ok=True)
    own = {
        "save_checkpoint_dir": str(folder), "random_seed": seed, "test_output_file": str(results),
    }  # fmt: skip
    words = spell_flags({"report_count": 0, "max_to_keep": 1, **flags, **own})
    goes_on, before = folder.exists(), _cpu_seconds()
    run_shown("train", words, show)
    minutes = None if goes_on else (_cpu_seconds() - before) / 60
    if not keeps_model:
        shutil.rmtree(folder, ignore_errors=True)
    return Trained(read_results(results), minutes, as_typed("train", words))


def _cpu_seconds() -> float:
    """Return what this process, and those it started, have taken."""
    return sum(os.times()[:4])
