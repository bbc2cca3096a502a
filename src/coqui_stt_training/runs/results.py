"""What runs find out: for those who call them from Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..scoring.metrics import SampleResult, SetResult, score_set


@dataclass(frozen=True)
class EvaluationResult:
    """How well a model recognises one set of clips.

    Attributes:
        dataset: the file, as it was named.
        wer: word error rate over all words of the set.
        cer: character error rate over all of its characters.
        loss: mean of the clips'; NaN for no clips.
        samples: each clip with its transcript and rates.
    """

    dataset: str
    wer: float
    cer: float
    loss: float
    samples: tuple[SampleResult, ...]

    @classmethod
    def of(cls, dataset: str, samples: list[SampleResult]) -> EvaluationResult:
        """Return the rates over the samples of a set."""
        rates: SetResult = score_set(samples)
        return cls(dataset, rates.wer, rates.cer, rates.loss, tuple(samples))


@dataclass(frozen=True)
class TrainingResult:
    """What became of a training run.

    Attributes:
        folder: where its checkpoints are.
        finished: why the run is over: all epochs, an early stop; empty where it is not.
        exit_status: 0, or what a shell expects where a signal stopped it.
        best_checkpoint: the file that validation found the best; None without dev files.
        best_dev_loss: the lowest validation loss; None without dev files.
        step: training steps behind the weights, a source's included.
        epoch: epochs done.
        tests: of `test_files`, one each, in their order.
    """

    folder: Path
    finished: str = ""
    exit_status: int = 0
    best_checkpoint: Path | None = None
    best_dev_loss: float | None = None
    step: int = 0
    epoch: int = 0
    tests: tuple[EvaluationResult, ...] = ()
