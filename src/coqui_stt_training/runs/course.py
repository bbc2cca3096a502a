"""How long a recipe trains: a number of optimizer steps, which become epochs of the data.

A new head needs some hundreds of steps to learn, whether they come from two minutes of speech or
from two hours. A fixed number of epochs would be too short for little data, and too long for much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stt.counted import counted

from ..corpus.duration import Amount

_LEAST_BATCHES = 8

# All flags that a course sets.
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
        steps: approximate number of steps.
        epochs: minimum and maximum number of epochs, whatever `steps` says.
    """

    steps: int
    epochs: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_bounds("epochs", self.epochs)

    def count(self, epoch_steps: float) -> int:
        """Return the number of epochs, if an epoch has `epoch_steps` steps."""
        least, most = self.epochs
        return min(most, max(least, round(self.steps / epoch_steps)))


@dataclass(frozen=True)
class Batches:
    """The size of a batch.

    Attributes:
        seconds: approximate amount of audio.
        clips: minimum and maximum number of clips.
    """

    seconds: float
    clips: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_bounds("clips", self.clips)
        if self.seconds <= 0:
            raise ValueError("seconds must be greater than 0")

    def size(self, amount: Amount) -> int:
        """Return the number of clips in a batch: fewer if there are few, for more steps."""
        least, most = self.clips
        most = min(most, max(least, amount.clips // _LEAST_BATCHES))
        mean_seconds = amount.seconds / max(1, amount.clips) or 1.0
        return min(most, max(least, round(self.seconds / mean_seconds)))


@dataclass(frozen=True)
class Course:
    """The phases of a run.

    Attributes:
        batch: size of the batches of both phases.
        everything: phase in which all layers are trained.
        head: earlier phase in which the layers of the encoder are frozen; None: no such phase.
    """

    batch: Batches
    everything: Phase
    head: Phase | None = None

    def flags(self, amount: Amount, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the flags that it sets.

        Args:
            amount: amount of training data.
            given: values of the flags that were given, which take precedence.
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
            return {**flags, "epochs": head}  # all of them train the head alone
        return {
            **flags,
            "epochs": head + epochs,
            "unfreeze_after_epochs": head,
            # If the command gives the number of epochs, the run is not extended.
            "unfreeze_wait_epochs": 0 if "epochs" in given else 2 * alone,
        }


def describe_course(amount: Amount, flags: Mapping[str, Any]) -> str:
    """Return the numbers of epochs and steps, for the log."""
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
    """Return the number of epochs for the head alone: its share of fewer than planned."""
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
