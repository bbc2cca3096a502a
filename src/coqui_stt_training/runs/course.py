"""How long a recipe trains: so many steps of the optimizer, of which the data makes epochs.

A head learns to listen in some hundreds of steps, whether two minutes of speech or two hours make
these. Counted in epochs, little data would end before it has begun, and much would never end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stt.counted import counted

from ..corpus.duration import Amount

_LEAST_BATCHES = 8

# All that a course decides.
COURSE_FLAGS = frozenset(
    {
        "train_batch_size", "dev_batch_size", "epochs", "unfreeze_after_epochs",
        "unfreeze_wait_epochs",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """A part of a run.

    Attributes:
        steps: about how many it takes.
        epochs: how many at least, and at most, whatever steps these come to.
    """

    steps: int
    epochs: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_bounds("epochs", self.epochs)

    def count(self, epoch_steps: float) -> int:
        """Return its epochs, where one has so many steps."""
        least, most = self.epochs
        return min(most, max(least, round(self.steps / epoch_steps)))


@dataclass(frozen=True)
class Batches:
    """How large a batch is.

    Attributes:
        seconds: of audio in it, about.
        clips: how many at least, and at most.
    """

    seconds: float
    clips: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_bounds("clips", self.clips)
        if self.seconds <= 0:
            raise ValueError("seconds must be greater than 0")

    def size(self, amount: Amount) -> int:
        """Return how many clips make a batch; of few clips fewer, as each step counts there."""
        least, most = self.clips
        most = min(most, max(least, amount.clips // _LEAST_BATCHES))
        mean_seconds = amount.seconds / max(1, amount.clips) or 1.0
        return min(most, max(least, round(self.seconds / mean_seconds)))


@dataclass(frozen=True)
class Course:
    """The phases of a run.

    Attributes:
        batch: of both.
        everything: in which all layers are trained.
        head: before that, in which those of an encoder are frozen; None: there is none.
    """

    batch: Batches
    everything: Phase
    head: Phase | None = None

    def flags(self, amount: Amount, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the flags that it comes to.

        Args:
            amount: of training data.
            given: values of the flags that the command gives, which the others follow.
        """
        size = self.batch.size(amount)
        flags: dict[str, Any] = {"train_batch_size": size, "dev_batch_size": size}
        steps = _epoch_steps(amount, {**flags, **given})
        epochs = self.everything.count(steps)
        if self.head is None or given.get("adapter") or given.get("freeze_source_layers") == 0:
            return {**flags, "epochs": epochs}
        alone = self.head.count(steps)
        if _freezes_for_good(given):
            return {**flags, "epochs": alone}
        head = _shared(alone, epochs, given)
        if head >= given.get("epochs", math.inf):
            return {**flags, "epochs": head}  # the head alone has all of them
        return {
            **flags,
            "epochs": head + epochs,
            "unfreeze_after_epochs": head,
            # A run of so many epochs as the command says is not made longer.
            "unfreeze_wait_epochs": 0 if "epochs" in given else 2 * alone,
        }


def describe_course(amount: Amount, flags: Mapping[str, Any]) -> str:
    """Say what flags come to, in a run that may train the head alone first."""
    steps = counted(math.ceil(_epoch_steps(amount, flags)), "step")
    epochs, head = flags["epochs"], flags.get("unfreeze_after_epochs", 0)
    size = counted(flags["train_batch_size"], "clip")
    if not 0 < head < epochs:
        return f"{counted(epochs, 'epoch')} of {steps}, {size} in each"
    return (
        f"{counted(head, 'epoch')} for the head alone and {epochs - head} for everything, of "
        f"{steps} each, {size} in a step"
    )


def _freezes_for_good(given: Mapping[str, Any]) -> bool:
    said = {"freeze_source_layers", "unfreeze_after_epochs"} & given.keys()
    unfrozen = given.get("unfreeze_after_epochs") or given.get("unfreeze_every_epochs")
    return bool(said) and not unfrozen


def _shared(head: int, everything: int, given: Mapping[str, Any]) -> int:
    """Return how many epochs of a run are the head's, of fewer than planned its share."""
    if "unfreeze_after_epochs" in given:
        return int(given["unfreeze_after_epochs"])
    if "epochs" not in given:
        return head
    share = head / (head + everything)
    return min(head, max(1, round(share * int(given["epochs"]))))


def _epoch_steps(amount: Amount, flags: Mapping[str, Any]) -> float:
    batches = amount.clips / int(flags["train_batch_size"])
    if seconds := float(flags.get("train_batch_seconds", 0)):
        batches = amount.seconds / seconds
    return max(1.0, batches / int(flags.get("gradient_accumulation_steps", 1)))


def _check_bounds(name: str, bounds: tuple[int, ...]) -> None:
    if len(bounds) != 2 or not 1 <= bounds[0] <= bounds[1]:
        raise ValueError(f"{name} must be two whole numbers: minimum and maximum")
