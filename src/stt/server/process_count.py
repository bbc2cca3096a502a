"""How many processes a server is."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from ..cores import available_cores

if TYPE_CHECKING:
    from ..model import Model

_CORES_OF_A_LARGE_MODEL = 4
_STREAMS_EACH = 64  # a process carries four times as many; more of them would but take memory


def can_share() -> bool:
    """Whether processes can hand connections to each other: on Windows not."""
    return os.name == "posix" and hasattr(socket, "send_fds")


def cores_each(processes: int) -> int:
    """Return how many cores each of so many processes should use."""
    return -(-available_cores() // processes)


def suitable_count(model: Model, max_streams: int) -> int:
    """Return how many processes make most of this machine.

    Of a small model most of the time is Python's, which does one thing at a time: so one for each
    core. A large one computes outside of it, and takes the streams of one process together, for
    which it reads its weights once: so one for each four cores. (`docs/server.md` has figures.)

    Args:
        model: loaded.
        max_streams: how many there may be at a time.
    """
    cores = available_cores()
    most = cores if model.is_small else -(-cores // _CORES_OF_A_LARGE_MODEL)
    return max(1, min(most, -(-max_streams // _STREAMS_EACH)))


def cores_before(processes: int | None) -> int:
    """Return how many cores a process should use whose model is not loaded yet."""
    if processes is None:
        return min(available_cores(), _CORES_OF_A_LARGE_MODEL)
    return cores_each(processes)
