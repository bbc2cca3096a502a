"""A training run as its folder tells of it: curves, epochs, lineage, samples."""

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
    """One run.

    Attributes:
        name: of its folder.
        finished: why it is over; empty while it is not.
        steps: training steps of its own.
        epochs: what they came to.
        curves: by part (`train`, `dev`) and name, over the run's own steps.
        lineage: what its weights were made from, oldest first.
        flags: in force.
        samples: by set, file and reference what was heard after which epoch.
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
    """Read runs; those whose folders have the same name are called by their whole paths.

    Raises:
        CheckpointError: a folder holds no run, or a damaged one.
    """
    runs = [read_run(folder) for folder in folders]
    often = Counter(run.name for run in runs)
    return [
        replace(run, name=str(folder)) if often[run.name] > 1 else run
        for run, folder in zip(runs, folders, strict=True)
    ]


def read_run(folder: Path) -> TrainingRun:
    """Read what a checkpoint folder, or one that `bootstrap` made, says of its newest run.

    Raises:
        CheckpointError: it holds no run, or a damaged one.
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
