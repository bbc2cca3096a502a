"""The rendezvous of the processes of a run, also after `torchrun` has restarted them.

`torchrun` keeps one store for all attempts. Addresses that the processes of an earlier attempt have
written there are not valid any more. So the first process opens a new store for each attempt, and
the others read its address from `torchrun`'s store until it answers.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from torch import distributed as dist

from ..cli.launch import Launch

_PLACE = "coqui_stt_training/meeting"
_MARK = "mark"
_TRY = timedelta(seconds=2)


@contextmanager
def meeting(launch: Launch, timeout: timedelta) -> Iterator[Any]:
    """Open the store through which the processes of this attempt connect.

    Args:
        launch: how this process was started.
        timeout: timeout for finding the store, and for operations on it.

    Yields:
        The store; None if PyTorch's own rendezvous is sufficient.

    Raises:
        RuntimeError: the store was not found.
    """
    if os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        yield None
        return
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    common = _store(host, port, timeout)
    if not launch.is_first:
        yield _find(host, common, timeout)
        return
    own = _store(host, 0, timeout, is_master=True)
    mark = uuid.uuid4().hex
    own.set(_MARK, mark)
    common.set(_PLACE, f"{own.port} {mark}")
    yield own
    common.delete_key(_PLACE)  # the same processes may connect again, at another address


def _find(host: str, common: Any, timeout: timedelta) -> Any:
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        port, mark = common.get(_PLACE).decode().split()
        try:
            # PyTorch logs long errors if nobody answers, as at the address of an earlier attempt.
            socket.create_connection((host, int(port)), _TRY.total_seconds()).close()
            found = _store(host, int(port), _TRY)
            if found.get(_MARK).decode() == mark:
                found.set_timeout(timeout)
                return found
        except (OSError, RuntimeError):
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"the first process does not answer at {host}:{port}")
        time.sleep(0.1)


def _store(host: str, port: int, timeout: timedelta, *, is_master: bool = False) -> Any:
    make: Any = dist.TCPStore  # type: ignore[attr-defined]  # exported where PyTorch has it
    return make(host, port, is_master=is_master, timeout=timeout, wait_for_workers=False)
