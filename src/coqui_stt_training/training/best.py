"""The rule of `--best_by`: which validated epoch is the best.

The character error rate (CER) is the better measure, but not at the start of training from new
weights. The first outputs are random text, which matches some characters by chance, with a CER
below 1. Then the model outputs only blanks: a CER of exactly 1 with a far lower loss. Then words
follow. By CER alone, the random text of the first epoch would stay the best for long, or for ever.

So the CER decides from the first epoch on whose loss is below that of a model that knows only how
frequent each character is. That epoch replaces any earlier best. Until then the loss decides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .progress import Progress


def deaf_loss(transcripts: Iterable[str]) -> float:
    """Return a lower bound of the loss of a model that ignores the audio, in nats per clip.

    It is the mean loss of predicting each character by its frequency in all transcripts. Such a
    model would also have to guess when each occurs, so its CTC loss is higher. This holds for
    labels that are characters and for bytes.
    """
    texts = list(transcripts)
    counts = Counter("".join(texts))
    total = counts.total()
    nats = -sum(count * math.log(count / total) for count in counts.values())
    return nats / max(1, len(texts))


@dataclass(frozen=True)
class BestRule:
    """Decides whether an epoch is better than the best so far.

    Attributes:
        by: `cer` or `loss`, the value of `--best_by`.
        deaf_loss: result of `deaf_loss` for the validation clips.
    """

    by: str
    deaf_loss: float

    def take(self, progress: Progress, loss: float, cer: float) -> bool:
        """Record an epoch as the best if it is; return whether it is.

        Args:
            progress: progress of the run, with its best epoch so far.
            loss: mean loss of the validation clips.
            cer: character error rate on the validation clips.
        """
        heard_before = progress.best_heard or _below(progress.best_loss, self.deaf_loss)
        hears = heard_before or loss < self.deaf_loss
        best = (_or_infinite(progress.best_loss), _or_infinite(progress.best_cer))
        if self.by == "loss" or not hears:
            better = (loss, cer) < best
        else:
            better = not heard_before or (cer, loss) < best[::-1]
        better = better or progress.best_checkpoint is None
        if better:
            progress.best_loss, progress.best_cer, progress.best_heard = loss, cer, hears
        return better


def _below(value: float | None, bound: float) -> bool:
    return value is not None and value < bound


def _or_infinite(value: float | None) -> float:
    return math.inf if value is None or math.isnan(value) else value
