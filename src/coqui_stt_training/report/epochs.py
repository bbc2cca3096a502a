"""The epochs of a run: a table, the best epoch, and whether more epochs would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_MOST_ROWS = 24
_LATE_SHARE = 10  # a run whose best epoch is in the last tenth is still improving


@dataclass(frozen=True)
class Epoch:
    """The results of an epoch.

    Attributes:
        number: number of the epoch, from 0.
        training_loss: mean loss of its batches, with dropout.
        loss: loss on the dev files; None without dev files.
        wer: word error rate on the dev files; None without dev files.
        cer: character error rate on the dev files; None without dev files.
        best: whether it was the best epoch so far.
    """

    number: int
    training_loss: float
    loss: float | None = None
    wer: float | None = None
    cer: float | None = None
    best: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the epoch as JSON values for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Epoch:
        """Restore an epoch from a checkpoint.

        Raises:
            TypeError: fields are missing or unknown.
        """
        return cls(**kept)


def best_epoch(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the epoch with the best weights; None if no epoch was validated."""
    return next((epoch for epoch in reversed(epochs) if epoch.best), None)


def is_still_improving(epochs: Sequence[Epoch]) -> bool:
    """Return whether the best epoch is among the last, so that more would probably improve it.

    A run of one epoch gives no evidence: False.
    """
    best = best_epoch(epochs)
    late = max(1, len(epochs) // _LATE_SHARE)
    return best is not None and len(epochs) > 1 and best in epochs[-late:]


def format_epochs(epochs: Sequence[Epoch]) -> str:
    """Return a table with a line for each epoch; of many epochs, for as many as fit on a screen."""
    best = best_epoch(epochs)
    shown = _spread(epochs, best)
    lines = ["epoch  training loss  dev loss     WER     CER"]
    for epoch in shown:
        line = f"{epoch.number:5}  {epoch.training_loss:13.3f}"
        for value, width, digits in ((epoch.loss, 8, 3), (epoch.wer, 6, 4), (epoch.cer, 6, 4)):
            line += "  " + ("-" if value is None else f"{value:.{digits}f}").rjust(width)
        lines.append(line + ("  best" if epoch is best else ""))
    if len(shown) < len(epochs):
        lines.append(f"({len(shown)} of {len(epochs)} epochs)")
    return "\n".join(lines)


def _spread(epochs: Sequence[Epoch], best: Epoch | None) -> list[Epoch]:
    """Return a limited number of epochs, evenly spread from first to last, and the best one."""
    if len(epochs) <= _MOST_ROWS:
        return list(epochs)
    last = len(epochs) - 1
    chosen = {round(index * last / (_MOST_ROWS - 1)) for index in range(_MOST_ROWS)}
    return [epoch for index, epoch in enumerate(epochs) if index in chosen or epoch is best]
