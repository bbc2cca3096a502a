"""Which validated epoch is the best one: the rule of `--best_by`.

The character error rate says most about a model, but nothing about one that does not listen yet.
Training from new weights begins with babble, which hits some characters of the reference by chance,
so that its rate is below 1; then comes silence, whose rate is exactly 1, with a far lower loss;
then words. By the rate alone the babble of the first epoch would stay the best until late, or for
ever.

So the rate decides from the first epoch on whose loss is below that of a model that knows how often
each character occurs and hears nothing. That epoch replaces whatever was the best before it. Until
then the loss decides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from .progress import Progress


def deaf_loss(transcripts: Iterable[str]) -> float:
    """Return the loss that can be had without listening, in nats: the mean over some clips.

    It is that of guessing each character by how often it occurs in all transcripts. When to say one
    would have to be guessed too, so the CTC loss of a model that hears nothing is above this, be
    its labels characters or the bytes of them.
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
        by: `cer` or `loss`, as `--best_by` says.
        deaf_loss: of the validation clips; see `deaf_loss`.
    """

    by: str
    deaf_loss: float

    def take(self, progress: Progress, loss: float, cer: float) -> bool:
        """Note an epoch as the best if it is; return whether it is.

        Args:
            progress: says which was the best so far.
            loss: mean loss of the validation clips.
            cer: their character error rate.
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
