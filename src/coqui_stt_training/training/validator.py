"""Validation: evaluates the dev and metrics sets, and reports losses and transcripts."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from ..batches.batch import Batch
from ..batches.loader import BatchLoader
from ..batches.sampler import ClipGroups
from ..cli.progress_bar import ProgressBar
from ..models.acoustic_model import AcousticModel, Emissions
from ..report.run_log import RunLog, Validation
from ..scoring.ctc import ctc_losses
from ..scoring.decoding import Decoder
from ..scoring.metrics import SampleResult, score_sample, score_set
from .distributed import World
from .frozen_stack import FrozenStack
from .state import TrainingState

_log = logging.getLogger(__name__)

_EPOCHS_BEFORE_BLANK_WARNING = 3
_STEPS_BEFORE_BLANK_WARNING = 150  # a new head may need this many; epochs of small sets have few
_ALL_BLANK = 0.999


class _BatchResult(NamedTuple):
    """The transcripts of a batch, and its number of blank frames."""

    samples: list[SampleResult]
    blank_frames: int
    frames: int


@dataclass(frozen=True)
class Validator:
    """Evaluates sets with the validated model of a run.

    Attributes:
        state: state of the run: model, precision and position.
        loader: loads batches.
        frozen: cached outputs of frozen layers.
        decoder: makes transcripts.
        report: receives the result of each set.
        bar: makes progress bars.
        between_batches: called before each batch, in all processes; may raise to stop.
        world: processes of the run, which share the batches.
        advice_on_new_layers: advice for the user if new layers on a source do not learn.
    """

    state: TrainingState
    loader: BatchLoader
    frozen: FrozenStack
    decoder: Decoder
    report: RunLog
    bar: Callable[[str, int], ProgressBar]
    between_batches: Callable[[], None]
    world: World
    advice_on_new_layers: str = ""

    def evaluate(self, name: str, sets: Mapping[str, ClipGroups]) -> list[SampleResult]:
        """Evaluate and report sets, and return the results of all clips.

        Args:
            name: `"dev"` or `"metrics"`.
            sets: batches of clips by file name.
        """
        progress, several = self.state.progress, len(sets) > 1
        everything: list[SampleResult] = []
        for source, groups in sets.items():
            result = self._evaluate_set(groups)
            self.report.validated(name, progress.epoch, progress.step, source, several, result)
            if name == "dev":
                self._warn_if_blank(result.blank_ratio)
            everything += result.samples
        if name == "dev" and several:
            scores = score_set(everything)
            self.report.all_validated(progress.step, scores.wer, scores.cer, scores.loss)
        return everything

    @torch.no_grad()
    def _evaluate_set(self, groups: ClipGroups) -> Validation:
        results: list[_BatchResult] = []
        model = self.world.whole(self.state.validated_model).eval()
        size = self.world.size
        title = f"Epoch {self.state.progress.epoch} | Validation"
        with self.bar(title, len(groups)) as bar:
            batches = self.loader(self.world.share(groups))
            for first in range(0, len(groups), size):
                together = np.arange(first, min(first + size, len(groups)))
                self.between_batches()
                results += [
                    self._evaluate_batch(model, batch) for batch in itertools.islice(batches, 1)
                ]
                bar.advance(groups.count_of(together), amount=len(together))
        everything = self.world.merge(results)
        samples = tuple(sample for one in everything for sample in one.samples)
        blank_frames = sum(one.blank_frames for one in everything)
        return Validation(blank_frames / max(1, sum(one.frames for one in everything)), samples)

    def _evaluate_batch(self, model: AcousticModel, batch: Batch) -> _BatchResult:
        emissions = self._emissions(model, batch)
        losses = ctc_losses(emissions, batch).tolist()
        transcripts = self.decoder(emissions.posteriors(), emissions.lengths.tolist())
        samples = [
            score_sample(str(clip.audio), clip.transcript, text, loss)
            for clip, text, loss in zip(batch.clips, transcripts, losses, strict=True)
        ]
        classes = emissions.logits.argmax(-1).cpu()
        valid = torch.arange(classes.shape[1]) < emissions.lengths[:, None]
        is_blank = classes == model.specification.n_classes - 1
        return _BatchResult(samples, int((is_blank & valid).sum()), int(emissions.lengths.sum()))

    def _emissions(self, model: AcousticModel, batch: Batch) -> Emissions:
        with self.state.precision.forward():
            x, lengths, first = self.frozen(model, batch)
            return Emissions(*model.run(x, lengths, first=first))

    def _warn_if_blank(self, blank_ratio: float) -> None:
        progress = self.state.progress
        steps = (progress.step - progress.begun_step) / (progress.epoch + 1)
        due = max(
            _EPOCHS_BEFORE_BLANK_WARNING, math.ceil(_STEPS_BEFORE_BLANK_WARNING / max(1, steps))
        )
        if progress.epoch + 1 == due and blank_ratio > _ALL_BLANK:
            _log.warning(
                "After %d epochs the model still outputs only blanks, in every frame. This often "
                "passes; otherwise try more epochs, a --learning_rate above %g, a smaller "
                "--train_batch_size%s, or check that transcripts match their audio",
                progress.epoch + 1,
                progress.learning_rate,
                self.advice_on_new_layers,
            )
