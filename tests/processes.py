"""Runs a command as one run of several processes, as `torchrun` does, but forked from this one.

A forked process has already imported PyTorch, which otherwise takes seconds. It computes with one
thread, because a fork does not copy PyTorch's other threads.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import torch

from command_runner import Result, run_command

Made = TypeVar("Made")
_SECONDS = 120


def run_together(size: int, work: Callable[[int], Made], *, may_die: bool = False) -> list[Made]:
    """Fork `size` processes and return the results of `work(rank)`, by rank.

    Args:
        size: number of processes.
        work: function to run in each process; an exception in it fails the test.
        may_die: whether a process may end without a result; its result is then left out.
    """
    context = multiprocessing.get_context("fork")
    port = _free_port()
    processes, ends = [], []
    for rank in range(size):
        end, other = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(rank, size, port, work, other))
        process.start()
        other.close()
        processes.append(process)
        ends.append(end)
    try:
        return [made for end in ends for made in _received(end, may_die)]
    finally:
        for process in processes:
            process.join(5)
            process.kill()


def run_command_together(size: int, name: str, *flags: object) -> list[Result]:
    """Run a command as one run of `size` processes; see `run_command`."""
    return run_together(size, lambda rank: run_command(name, *flags))


def _run(rank: int, size: int, port: int, work: Callable[[int], object], end: Connection) -> None:
    torch.set_num_threads(1)
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size),
                   "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # fmt: skip
    try:
        end.send((work(rank), ""))
    except BaseException:
        end.send((None, traceback.format_exc()))
    end.close()
    os._exit(0)  # a fork must not run pytest's own exit code


def _received(end: Connection, may_die: bool) -> list[Any]:
    assert end.poll(_SECONDS), "the processes hang"
    try:
        made, failure = end.recv()
    except EOFError:
        assert may_die, "a process died"
        return []
    assert not failure, failure
    return [made]


def _free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])
