"""Running a training and measuring the model, for commands that compare trainings."""

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

FIRST_SEED = 4568  # default of `train`
# Flags that such a command sets itself.
FIXED_FLAGS = frozenset(
    {
        "checkpoint_dir", "save_checkpoint_dir", "auto_input_dataset", "test_output_file",
        "random_seed", "run", "load_train", "load_evaluate", "report", "one_shot_infer",
    }
)  # fmt: skip
# Flags that do not affect results.
NEUTRAL_FLAGS = frozenset({*vars(OutputFlags()), *vars(MachineFlags())})


@dataclass(frozen=True)
class Trained:
    """The outcome of one training.

    Attributes:
        results: results on the test files.
        cpu_minutes: CPU time of training and testing; None if it resumed an interrupted training.
        command: command line of the training.
    """

    results: Results
    cpu_minutes: float | None
    command: str


def fixed_flags_problem(
    command: str, given: frozenset[str], fixed: frozenset[str] = FIXED_FLAGS
) -> str | None:
    """Return an error message about flags that a command sets itself; None if none was given.

    Args:
        command: name of the command.
        given: names of the flags on the command line.
        fixed: names of the flags that it sets itself.
    """
    if not (used := sorted(given & fixed)):
        return None
    names = ", ".join(f"--{name}" for name in used)
    source = "; use --load_checkpoint_dir for the model to start from"
    return f"{names}: {command} sets this itself; leave it out" + (
        source if "checkpoint_dir" in used else ""
    )


def nothing_learned(cer: float, question: str) -> str | None:
    """Return a message if no model has learned to transcribe, so that nothing can be concluded.

    Args:
        cer: character error rate of the best model.
        question: the question that the trainings should answer.
    """
    if cer <= DEAF_CER:
        return None
    return (
        f"The models transcribe almost nothing (CER {cer:.2f}), which does not tell {question}: "
        "check that transcripts match their audio (python -m coqui_stt_training.check), then "
        "train longer (--epochs), or from another source."
    )


def missing_files(data: DataFlags) -> list[str]:
    """Return an error message for each kind of data file that is needed and was not given."""
    needed = (("train_files", "to train on"), ("test_files", "to measure on"))
    return [f"no data {why}; give --{name}" for name, why in needed if not getattr(data, name)]


def check_training(flags: Mapping[str, Any], folder: Path, show: Callable[[str], object]) -> None:
    """Do a dry run of a training, which makes all checks and writes nothing.

    Args:
        flags: flags of the training.
        folder: checkpoint folder of the training.
        show: called with the command line.

    Raises:
        UserError: a check failed.
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
        flags: flags of the training.
        folder: checkpoint folder; an interrupted training there is resumed.
        results: file for the results on each test clip; its folder is made if it is missing.
        seed: random seed of the training.
        show: called with the command line.
        keeps_model: whether to keep the model after it is measured.

    Raises:
        StoppedError: the training was interrupted.
        UserError: the training failed.
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
    """Return the CPU time of this process and its children."""
    return sum(os.times()[:4])
