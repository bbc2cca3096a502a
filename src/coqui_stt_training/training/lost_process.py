"""The error of a process when another process of its run has ended."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed as dist

from ..errors import ElsewhereError, TrainingError


@contextmanager
def talking() -> Iterator[None]:
    """Run the body, which communicates with the other processes.

    Raises:
        TrainingError: in the first process, if another one has ended or does not answer.
        ElsewhereError: in the others.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # PyTorch has no narrower class for all such errors
        if not dist.is_initialized():
            raise TrainingError(
                f"the processes of the run cannot connect ({_reason(error)}); check that each "
                "machine reaches the others and the address given to torchrun with --rdzv-endpoint"
            ) from None
        if dist.get_rank() > 0:
            raise ElsewhereError("another process of the run has exited") from error
        raise TrainingError(
            f"another process of the run has exited or no longer responds ({_reason(error)}); its "
            "own messages and those of torchrun tell why. Everything saved is intact: run the "
            "same command again to continue, or let torchrun --max-restarts 3 do so"
        ) from error


def _reason(error: Exception) -> str:
    """Return the first sentence of a PyTorch error, without the place in PyTorch's source."""
    line = str(error).strip().partition("\n")[0]
    return re.sub(r"^\[[^]]*\] ", "", line).partition(". ")[0]
