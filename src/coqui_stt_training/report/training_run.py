"""A training run, read from its checkpoint folder: curves, epochs, lineage and samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..checkpoints.file import read_checkpoint
from ..checkpoints.recognise import find_checkpoints
from ..checkpoints.run_record import read_record
from ..errors import CheckpointError
from .epochs import Epoch
from .event_reader import Curves, read_curves
from .sample_log import read_samples

_PARTS = ("train", "dev")


@dataclass(frozen=True)
class TrainingRun:
    """A training run.

    Attributes:
        name: name of the run's folder.
        finished: why the run ended; empty if it has not.
        steps: number of training steps, without those of the source.
        epochs: results of the epochs.
        curves: curves by part (`train`, `dev`) and name, over the steps of the run.
        lineage: trainings that led to the weights, the oldest first.
        flags: flags of the run.
        samples: transcript after each epoch, by set, audio file and reference.
    """

    name: str
    finished: str
    steps: int
    epochs: tuple[Epoch, ...]
    curves: Mapping[str, Curves]
    lineage: tuple[Mapping[str, Any], ...]
    flags: Mapping[str, Any]
    samples: Mapping[tuple[str, str, str], Mapping[int, str]]


def read_runs(folders: Sequence[Path]) -> list[TrainingRun]:
    """Read runs. Runs whose folders have the same name get the whole path as their name.

    Raises:
        CheckpointError: a folder contains no run, or a damaged one.
    """
    runs = [read_run(folder) for folder in folders]
    often = Counter(run.name for run in runs)
    return [
        replace(run, name=str(folder)) if often[run.name] > 1 else run
        for run, folder in zip(runs, folders, strict=True)
    ]


def read_run(folder: Path) -> TrainingRun:
    """Read the newest run of a checkpoint folder, or of a folder that `bootstrap` made.

    Raises:
        CheckpointError: the folder contains no run, or a damaged one.
    """
    if not folder.is_dir():
        raise CheckpointError(f"{folder}: no such folder")
    asked, folder = folder, find_checkpoints(folder)
    record = read_record(folder)
    if record is None or not record.last:
        raise CheckpointError(
            f"{folder}: no training run with a checkpoint; give the folder that train saved to "
            "(--checkpoint_dir or --save_checkpoint_dir)"
        )
    checkpoint = read_checkpoint(folder / record.last[-1])
    progress = checkpoint.run or {}
    try:
        epochs = tuple(Epoch.from_json(epoch) for epoch in progress.get("history", ()))
        steps = checkpoint.step - int(progress.get("begun_step", 0))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{folder}: the run's record is malformed ({error})") from None
    given = checkpoint.flags.get("summary_dir")
    summaries = Path(given) if isinstance(given, str) and given else folder / "summaries"
    return TrainingRun(
        asked.absolute().name,
        record.finished,
        steps,
        epochs,
        {part: read_curves(summaries / part) for part in _PARTS},
        tuple(checkpoint.lineage),
        checkpoint.flags,
        read_samples(summaries),
    )
