"""Where the processes of a run find each other, each time that `torchrun` has started them anew.

`torchrun` keeps one store for all its attempts, and what the processes of an earlier one have
written there sends those of the next to addresses where nobody is. So the first process opens a
store of its own for each attempt; the others take what is written of it for old until it answers.
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
    """Give a store by which the processes of this attempt find each other, all within.

    Args:
        launch: this process.
        timeout: of finding the store, and of what is done with it.

    Yields:
        The store; None where what PyTorch finds itself will do.

    Raises:
        RuntimeError: it cannot be found.
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
    common.delete_key(_PLACE)  # the same processes may meet again, elsewhere


def _find(host: str, common: Any, timeout: timedelta) -> Any:
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        port, mark = common.get(_PLACE).decode().split()
        try:
            # PyTorch complains at length where nobody is there: at the place of an earlier attempt.
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
