"""The epochs of a run at a glance: how they went, which was the best, whether more would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

_MOST_ROWS = 24
_LATE_SHARE = 10  # a best epoch in the last tenth of a run is no end of the improvement


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to.

    Attributes:
        number: from 0.
        training_loss: mean of its batches, with dropout.
        loss: on the dev files; None where there are none, as for the next two.
        wer: word error rate on the dev files.
        cer: character error rate on the dev files.
        best: whether it was the best so far.
    """

    number: int
    training_loss: float
    loss: float | None = None
    wer: float | None = None
    cer: float | None = None
    best: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Epoch:
        """Return the epoch that a checkpoint kept.

        Raises:
            TypeError: it is malformed.
        """
        return cls(**kept)


def best_epoch(epochs: Sequence[Epoch]) -> Epoch | None:
    """Return the epoch whose weights are kept as the best, if any was validated."""
    return next((epoch for epoch in reversed(epochs) if epoch.best), None)


def is_still_improving(epochs: Sequence[Epoch]) -> bool:
    """Whether the best epoch is among the last: so more of them would probably give a better one.

    One epoch alone says nothing.
    """
    best = best_epoch(epochs)
    late = max(1, len(epochs) // _LATE_SHARE)
    return best is not None and len(epochs) > 1 and best in epochs[-late:]


def format_epochs(epochs: Sequence[Epoch]) -> str:
    """Return a table: a line for each epoch, or of many, for as many as fit on a screen."""
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
    """Return not too many epochs: from the first to the last, and the best."""
    if len(epochs) <= _MOST_ROWS:
        return list(epochs)
    last = len(epochs) - 1
    chosen = {round(index * last / (_MOST_ROWS - 1)) for index in range(_MOST_ROWS)}
    return [epoch for index, epoch in enumerate(epochs) if index in chosen or epoch is best]
