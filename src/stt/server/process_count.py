"""The number of processes of a server, and of cores for each."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from ..cores import available_cores

if TYPE_CHECKING:
    from ..model import Model

_CORES_OF_A_LARGE_MODEL = 4
_STREAMS_EACH = 64  # a process can serve four times as many; more processes only take memory


def can_share() -> bool:
    """Whether processes can hand over connections to each other; on Windows they cannot."""
    return os.name == "posix" and hasattr(socket, "send_fds")


def cores_each(processes: int) -> int:
    """Return the number of cores that each process should use."""
    return -(-available_cores() // processes)


def suitable_count(model: Model, max_streams: int) -> int:
    """Return the number of processes with the highest throughput on this machine.

    A small model spends most of its time in Python, which runs one thread at a time: one process
    per core. A large model computes outside of Python's lock, and reads its weights once for all
    streams of a process: one process per four cores. (`docs/server.md` has measurements.)

    Args:
        model: loaded model.
        max_streams: maximum number of simultaneous streams.
    """
    cores = available_cores()
    most = cores if model.is_small else -(-cores // _CORES_OF_A_LARGE_MODEL)
    return max(1, min(most, -(-max_streams // _STREAMS_EACH)))


def cores_before(processes: int | None) -> int:
    """Return the number of cores for a process before its model is loaded.

    Args:
        processes: number of processes; None if it depends on the model.
    """
    if processes is None:
        return min(available_cores(), _CORES_OF_A_LARGE_MODEL)
    return cores_each(processes)
