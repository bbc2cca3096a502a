"""What a process does when another one of its run has gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
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
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:  # PyTorch has no narrower one for all that can happen
        if not dist.is_initialized():
            raise TrainingError(
                f"the processes of the run cannot meet ({_reason(error)}); see that each machine "
                "reaches the others, and the address that --rdzv-endpoint of torchrun names"
            ) from None
        if dist.get_rank() > 0:
            raise ElsewhereError("another process of the run has gone") from error
        raise TrainingError(
            f"another process of the run has ended, or no longer answers ({_reason(error)}); what "
            "it said itself, and torchrun, say why. What was saved is intact: the same command "
            "goes on from there, and torchrun --max-restarts 3 repeats it by itself"
        ) from error


def _reason(error: Exception) -> str:
    """Return the first sentence of an error of PyTorch's, without the place in its sources."""
    line = str(error).strip().partition("\n")[0]
    return re.sub(r"^\[[^]]*\] ", "", line).partition(". ")[0]
