"""The results of runs, for callers from Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..scoring.metrics import SampleResult, SetResult, score_set


@dataclass(frozen=True)
class EvaluationResult:
    """The result of evaluating a model on one set of clips.

    Attributes:
        dataset: the file, as it was named.
        wer: word error rate over all words of the set.
        cer: character error rate over all characters of the set.
        loss: mean loss of the clips; NaN without clips.
        samples: each clip with its transcript and error rates.
    """

    dataset: str
    wer: float
    cer: float
    loss: float
    samples: tuple[SampleResult, ...]

    @classmethod
    def of(cls, dataset: str, samples: list[SampleResult]) -> EvaluationResult:
        """Return the error rates over the samples of a set."""
        rates: SetResult = score_set(samples)
        return cls(dataset, rates.wer, rates.cer, rates.loss, tuple(samples))


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training run.

    Attributes:
        folder: folder of its checkpoints.
        finished: why the run has ended, such as after all epochs, or by an early stop; empty: it
            has not ended.
        exit_status: 0, or the status that a shell expects after a signal.
        best_checkpoint: file of the best checkpoint by validation; None without dev files.
        best_dev_loss: lowest validation loss; None without dev files.
        step: number of training steps of the weights, including those of the source.
        epoch: number of finished epochs.
        tests: the result of each of `test_files`, in their order.
    """

    folder: Path
    finished: str = ""
    exit_status: int = 0
    best_checkpoint: Path | None = None
    best_dev_loss: float | None = None
    step: int = 0
    epoch: int = 0
    tests: tuple[EvaluationResult, ...] = ()
