"""Progress bars: shown on a terminal, silent elsewhere."""

from __future__ import annotations

import math
import sys
from types import TracebackType
from typing import Any

from tqdm import tqdm


class ProgressBar:
    """Shows batches done, clips a second, the time left, and the mean loss."""

    def __init__(self, title: str, batch_count: int, shown: bool) -> None:
        self._clips = 0
        self._bar: Any = tqdm(
            desc=title,
            total=batch_count,
            unit="batch",
            file=sys.stderr,
            disable=not shown or None,  # None: disabled where the output is not a terminal
            dynamic_ncols=True,
            leave=False,
        )

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def start_at(self, batches: int) -> None:
        """Begin in the middle: earlier batches were done before an interruption."""
        self._bar.initial = self._bar.n = batches

    def advance(self, clips: int, loss: float = math.nan) -> None:
        """Count a batch."""
        self._clips += clips
        elapsed = self._bar.format_dict["elapsed"] if not self._bar.disable else 0
        if elapsed:
            shown = {"clips/s": f"{self._clips / elapsed:.1f}"}
            if not math.isnan(loss):
                shown["loss"] = f"{loss:.3f}"
            self._bar.set_postfix(shown, refresh=False)
        self._bar.update()
