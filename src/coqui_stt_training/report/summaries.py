"""TensorBoard summaries: curves of training, validation and tests, flags and some transcripts."""

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

    Each folder is a run for TensorBoard. Common values (`loss`, `wer`, `cer`) have the same name in
    all of them, so that TensorBoard shows them in one chart.

    Args:
        folder: folder of the summaries (`--summary_dir`); None: write nothing.
        begun_step: step count of the source model. Curves start at step 0 of the run itself, so
            that runs from scratch and from a source can be compared.
        begin_step: step at which this process starts. TensorBoard hides what an interrupted run
            wrote after this step.
    """

    def __init__(self, folder: Path | None, begun_step: int, begin_step: int) -> None:
        self._folder = folder
        self._begun_step = begun_step
        self._begin_step = begin_step
        self._files: dict[str, EventFile] = {}
        self._begins_samples = begin_step == begun_step

    def hyper_parameters(self, flags: Mapping[str, Any]) -> None:
        """Record the flags, for the HPARAMS tab."""
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb

        shown = {
            name: value if isinstance(value, (bool, int, float, str)) else " ".join(map(str, value))
            for name, value in flags.items()
        }
        with self._written("") as file:
            file.summary(hparams_pb(shown, trial_id=str(self._folder)), 0)

    def outcome(self, step: int, **values: float | None) -> None:
        """Record the results of a run, for the HPARAMS tab."""
        with self._written("") as file:
            self._add(file, step, {name: v for name, v in values.items() if v is not None})

    def training_step(self, step: int, **values: float) -> None:
        """Record values of a step, such as its loss: `step_loss`, as upstream calls it."""
        with self._written("train") as file:
            self._add(file, step, values)

    def epoch(self, kind: str, step: int, source: str = "", **values: float) -> None:
        """Record the results of an epoch or a test.

        Args:
            kind: `train`, `dev`, `metrics` or `test`.
            step: training step of the results.
            source: corpus file, if there are several of this kind: it gets a curve of its own.
            values: results by name; values that are not finite are left out.
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
        """Record the transcripts of a few clips, the same in all epochs; see `sample_log.py`."""
        if self._folder is None:
            return
        with self._reporting_errors():
            append_samples(self._folder, source, epoch, samples, is_new=self._begins_samples)
        self._begins_samples = False

    def close(self) -> None:
        """Write buffered events and close all files."""
        with self._reporting_errors():
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
        with self._reporting_errors():
            if name not in self._files:
                first_step = self._begin_step - self._begun_step
                # Values at the step of the last checkpoint itself stay visible.
                self._files[name] = EventFile(self._folder / name, first_step + 1)
            yield self._files[name]

    @contextmanager
    def _reporting_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise FlagError(
                f"{self._folder}: cannot be written ({error.strerror or error}); choose another "
                "folder for summaries with --summary_dir"
            ) from None
