"""TensorBoard summaries: curves of training and validation, and a few transcripts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import FlagError


class Summaries:
    """Writes event files under `FOLDER/train`, `FOLDER/dev` and `FOLDER/metrics`, as upstream.

    Args:
        folder: `--summary_dir`.
        begin_step: a continued run writes anew from here; what an interrupted run wrote beyond its
            last checkpoint is hidden by TensorBoard.
    """

    def __init__(self, folder: Path, begin_step: int) -> None:
        self._folder = folder
        self._begin_step = begin_step
        self._writers: dict[str, Any] = {}

    def training_step(self, step: int, **values: float) -> None:
        """Record a step's loss, gradient norm and learning rate."""
        for name, value in values.items():
            self._writer("train").add_scalar(name, value, step)

    def validation(
        self, kind: str, source: str, step: int, samples: Sequence[tuple[str, str]], **values: float
    ) -> None:
        """Record a pass over a dev or metrics set, and the first few of its transcripts."""
        writer = self._writer(kind)
        name = Path(source).stem
        for key, value in values.items():
            writer.add_scalar(f"{key}/{name}", value, step)
        rows = [f"| {reference} | {hypothesis} |" for reference, hypothesis in samples[:8]]
        table = "\n".join(["| reference | transcript |", "| --- | --- |", *rows])
        writer.add_text(f"samples/{name}", table, step)

    def close(self) -> None:
        """Write everything out."""
        for writer in self._writers.values():
            writer.close()

    def _writer(self, name: str) -> Any:
        if name not in self._writers:
            from torch.utils.tensorboard import SummaryWriter  # takes a second to import

            try:
                self._writers[name] = SummaryWriter(
                    self._folder / name, purge_step=self._begin_step + 1
                )
            except OSError as error:
                raise FlagError(
                    f"{self._folder} cannot be written to ({error.strerror or error}); name "
                    "another folder for the summaries with --summary_dir"
                ) from None
        return self._writers[name]
