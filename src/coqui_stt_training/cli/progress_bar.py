"""Progress: a bar on a terminal, or else a line in the log every minute."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable
from typing import Any

from tqdm import tqdm

from stt.durations import say_duration

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LINES = 60


class ProgressBar:
    """Shows how much is done, clips per second, the time left, and the mean loss.

    Args:
        title: title of the work, such as `Epoch 3 |   Training`.
        count: total number of units.
        shown: whether to show a bar on a terminal (`--show_progressbar`).
        unit: name of a unit.
        clock: function that returns the time in seconds, from any origin.
    """

    def __init__(
        self,
        title: str,
        count: int,
        shown: bool,
        unit: str = "batch",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title = " ".join(title.replace("|", " ").split())
        self._count = count
        self._unit = unit
        self._clock = clock
        self._clips = self._first = self._done = 0
        self._begun_at = self._logged_at = clock()
        self._bar: Any = tqdm(
            desc=title,
            total=count,
            unit=unit,
            file=sys.stderr,
            disable=not shown or None,  # None: disabled if the output is not a terminal
            dynamic_ncols=True,
            leave=False,
        )

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def start_at(self, done: int) -> None:
        """Start with units that were done before an interruption."""
        self._first = self._done = done
        self._bar.initial = self._bar.n = done

    def advance(self, clips: int, loss: float = math.nan, amount: int = 1) -> None:
        """Count `amount` units, with some clips."""
        self._clips += clips
        self._done += amount
        now = self._clock()
        speed = self._clips / max(now - self._begun_at, 1e-9)
        if not self._bar.disable:
            shown = {"clips/s": f"{speed:.1f}"}
            if not math.isnan(loss):
                shown["loss"] = f"{loss:.3f}"
            self._bar.set_postfix(shown, refresh=False)
            self._bar.update(amount)
        elif now - self._logged_at >= _SECONDS_BETWEEN_LINES:
            self._logged_at = now
            self._log_line(now - self._begun_at, speed, loss)

    def _log_line(self, elapsed_seconds: float, speed: float, loss: float) -> None:
        left = self._count - self._done
        seconds_left = left * elapsed_seconds / max(self._done - self._first, 1)
        _log.info(
            "%s: %s %d of %d, %s%.1f clips/s, about %s left",
            self._title, self._unit, self._done, self._count,
            "" if math.isnan(loss) else f"loss {loss:.3f}, ",
            speed, say_duration(seconds_left),
        )  # fmt: skip
