"""TensorBoard summaries: curves of training, validation and tests, flags, and a few transcripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import FlagError
from ..scoring.metrics import SampleResult
from .event_file import EventFile, NoEventFile
from .sample_log import append_samples


class Summaries:
    """Writes event files under `FOLDER/train`, `FOLDER/dev`, `FOLDER/metrics` and `FOLDER/test`.

    Each is a run to TensorBoard, and what they have in common (`loss`, `wer`, `cer`) has the same
    name in all, so that it stands in one chart.

    Args:
        folder: `--summary_dir`; None: nothing is written.
        begun_step: steps that the source already had. Curves begin at this run's own step 0, so
            that runs from scratch and from a source can be laid over each other.
        begin_step: a continued run writes anew from here; what an interrupted run wrote beyond its
            last checkpoint is hidden by TensorBoard.
    """

    def __init__(self, folder: Path | None, begun_step: int, begin_step: int) -> None:
        self._folder = folder
        self._begun_step = begun_step
        self._begin_step = begin_step
        self._files: dict[str, EventFile] = {}
        self._begins_samples = begin_step == begun_step

    def hyper_parameters(self, flags: Mapping[str, Any]) -> None:
        """Record the flags in force, for the tab HPARAMS."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        shown = {
            name: value if isinstance(value, (bool, int, float, str)) else " ".join(map(str, value))
            for name, value in flags.items()
        }
        with self._written("") as file:
            file.summary(hparams_pb(shown, trial_id=str(self._folder)), 0)

    def outcome(self, step: int, **values: float | None) -> None:
        """Record what a run came to, beside its flags in the tab HPARAMS."""
        with self._written("") as file:
            self._add(file, step, {name: v for name, v in values.items() if v is not None})

    def training_step(self, step: int, **values: float) -> None:
        """Record a step's loss (`step_loss`, as upstream), gradient norm and learning rate."""
        with self._written("train") as file:
            self._add(file, step, values)

    def epoch(self, kind: str, step: int, source: str = "", **values: float) -> None:
        """Record what an epoch, or a test, came to.

        Args:
            kind: `train`, `dev`, `metrics` or `test`.
            step: after which.
            source: one of several files of that kind, which gets a curve of its own.
            values: by name; what is not finite is left out.
        """
        with self._written(f"{kind}/{Path(source).stem}" if source else kind) as file:
            self._add(file, step, values)
            file.flush()

    def samples(self, kind: str, source: str, step: int, samples: Sequence[SampleResult]) -> None:
        """Record some transcripts of a set."""
        rows = [f"| {sample.src} | {sample.res} | {sample.cer:.2f} |" for sample in samples]
        head = ["| reference | transcript | CER |", "| --- | --- | --- |"]
        with self._written(kind) as file:
            text = "\n".join([*head, *rows])
            file.text(f"samples/{Path(source).stem}", text, step - self._begun_step)

    def follow(self, source: str, epoch: int, samples: Sequence[SampleResult]) -> None:
        """Record what was heard after an epoch in the clips that are the same in all; see
        `sample_log.py`.
        """
        if self._folder is None:
            return
        with self._explained():
            append_samples(self._folder, source, epoch, samples, is_new=self._begins_samples)
        self._begins_samples = False

    def close(self) -> None:
        """Write everything out."""
        with self._explained():
            while self._files:
                self._files.popitem()[1].close()

    def _add(self, file: EventFile, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if math.isfinite(value):
                file.scalar(name, value, step - self._begun_step)

    @contextmanager
    def _written(self, name: str) -> Iterator[EventFile]:
        if self._folder is None:
            yield NoEventFile()
            return
        with self._explained():
            if name not in self._files:
                first_step = self._begin_step - self._begun_step
                # What was recorded at the step of the last checkpoint itself stays.
                self._files[name] = EventFile(self._folder / name, first_step + 1)
            yield self._files[name]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FlagError(
                f"{self._folder}: cannot be written ({error.strerror or error}); choose another "
                "folder for summaries with --summary_dir"
            ) from None
