"""Progress reports of a training run, to the log and to TensorBoard."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from stt.counted import counted
from stt.durations import say_duration

from ..scoring.metrics import SampleResult, score_set
from .epochs import Epoch, format_epochs
from .evaluation import representative
from .summaries import Summaries

_log = logging.getLogger(__name__)
_SAMPLES_LOGGED = 3
_SAMPLES_IN_SUMMARIES = 8


@dataclass(frozen=True)
class Validation:
    """The results of a validation pass over a set.

    Attributes:
        blank_ratio: share of frames whose most probable class is the blank.
        samples: transcript and loss of every clip.
    """

    blank_ratio: float
    samples: tuple[SampleResult, ...]


class RunLog:
    """Reports the progress of a run, in upstream's words where possible.

    Args:
        summaries: TensorBoard summaries.
        clock: returns seconds, from any origin.
    """

    def __init__(self, summaries: Summaries, clock: Callable[[], float] = time.monotonic) -> None:
        self._summaries = summaries
        self._clock = clock
        self._begun_at = self._epoch_begun_at = self._trained_at = clock()
        self._is_whole_epoch = True
        self._audio_seconds = 0.0

    def begin(self) -> None:
        """Report the start of a run."""
        self._begun_at = self._clock()
        _log.info("STARTING Optimization")

    def begin_epoch(self, number: int, is_whole: bool) -> None:
        """Report the start of an epoch; one resumed in the middle gives no estimate of time."""
        self._epoch_begun_at = self._clock()
        self._is_whole_epoch = is_whole
        self._audio_seconds = 0.0
        _log.debug("Training epoch %d...", number)

    def step(self, step: int, audio_seconds: float, **values: float) -> None:
        """Record a training step: the duration of its audio, and values such as its loss."""
        self._audio_seconds += audio_seconds
        self._summaries.training_step(step, **values)

    def trained(self, number: int, step: int, loss: float) -> None:
        """Report the end of an epoch's training, with its mean loss."""
        self._trained_at = self._clock()
        _log.info("Finished training epoch %d - loss: %f", number, loss)
        speed = self._audio_seconds / max(self._trained_at - self._epoch_begun_at, 1e-9)
        self._summaries.epoch("train", step, loss=loss, audio_seconds_per_second=speed)

    def validated(
        self, kind: str, number: int, step: int, source: str, several: bool, found: Validation
    ) -> None:
        """Report a validation pass over one dev or metrics set, with typical transcripts.

        Args:
            kind: `dev` or `metrics`.
            number: number of the epoch.
            step: training step.
            source: corpus file of the set.
            several: whether there are several sets of this kind.
            found: results of the pass.
        """
        scores = score_set(found.samples)
        verb = "validating" if kind == "dev" else "metrics for"
        _log.info("Finished %s epoch %d on %s - loss: %f", verb, number, source, scores.loss)
        _log.info(
            "WER: %f, CER: %f, blank: %.1f %% of frames",
            scores.wer, scores.cer, 100 * found.blank_ratio,
        )  # fmt: skip
        if kind == "dev":
            for sample in representative(found.samples, _SAMPLES_LOGGED):
                _log.info('  "%s" heard as "%s"', sample.src, sample.res)
        self._summaries.epoch(
            kind, step, source if several else "",
            loss=scores.loss, wer=scores.wer, cer=scores.cer, blank_ratio=found.blank_ratio,
        )  # fmt: skip
        samples = representative(found.samples, _SAMPLES_IN_SUMMARIES)
        self._summaries.samples(kind, source, step, samples)
        if kind == "dev":
            self._summaries.follow(source, number, found.samples)

    def all_validated(self, step: int, wer: float, cer: float, loss: float) -> None:
        """Record the results over several dev sets together, which choose the best epoch."""
        self._summaries.epoch("dev", step, loss=loss, wer=wer, cer=cer)

    def end_epoch(self, number: int, left: int, until_unfreezing: int | None = None) -> None:
        """Report how long an epoch took, and estimate the time of the remaining epochs.

        Args:
            number: number of the epoch.
            left: number of remaining epochs.
            until_unfreezing: number of remaining epochs before more layers are trained, which takes
                longer; None: all.
        """
        now = self._clock()
        took, validating = now - self._epoch_begun_at, now - self._trained_at
        speed = self._audio_seconds / max(self._trained_at - self._epoch_begun_at, 1e-9)
        to_go = f"; {counted(left, 'epoch')} to go" if left > 0 else ""
        until_unfreezing = left if until_unfreezing is None else min(until_unfreezing, left)
        if until_unfreezing > 0 and self._is_whole_epoch:
            to_go += f", about {say_duration(until_unfreezing * took)}"
        if until_unfreezing < left:
            to_go += f" for {until_unfreezing} of them" if until_unfreezing else ""
            to_go += "; then more layers are trained, which takes longer"
        _log.info(
            "Epoch %d took %s, %s of it validating; %.1f s of audio a second%s",
            number, say_duration(took), say_duration(validating), speed, to_go,
        )  # fmt: skip

    def end(self, reason: str, epochs: Sequence[Epoch]) -> None:
        """Report the end of a run: the reason, and a table of its epochs."""
        _log.info("FINISHED optimization in %s", timedelta(seconds=self._clock() - self._begun_at))
        _log.info("%s%s", reason[:1].upper(), reason[1:])
        if epochs:
            _log.info("The epochs of this run:\n%s", format_epochs(epochs))
