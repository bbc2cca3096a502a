"""What a process does when another one of its run has gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import distributed as dist

from ..errors import ElsewhereError, TrainingError


@contextmanager
def talking() -> Iterator[None]:
    """Talk to the other processes of a run.

    Raises:
        TrainingError: in the first process: another one has gone, or does not answer.
        ElsewhereError: in the others.
    """
    try:
        yield
    except RuntimeError as error:  # PyTorch has no narrower one for all that can happen
        if not dist.is_initialized():
            raise TrainingError(
                f"the processes of the run cannot meet ({_first_line(error)}); see that each "
                "machine reaches the address that --rdzv-endpoint of torchrun names"
            ) from None
        if dist.get_rank() > 0:
            raise ElsewhereError("another process of the run has gone") from error
        raise TrainingError(
            "another process of the run has ended, or no longer answers; its own message, and "
            f"torchrun's below, say more ({_first_line(error)}). What was saved is intact: the "
            "same command goes on from there, and torchrun --max-restarts gives it by itself"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
