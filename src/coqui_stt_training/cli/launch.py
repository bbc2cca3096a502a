"""How this process was started: alone, or by `torchrun` as one of several processes of a run.

`torchrun` sets environment variables that PyTorch reads
(https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import ElsewhereError, FlagError, UserError


@dataclass(frozen=True)
class Launch:
    """A process, and its place in a distributed run.

    Attributes:
        rank: rank of the process, from 0.
        size: number of processes.
        local_rank: rank among the processes of its machine.
        local_size: number of processes of its machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process logs and writes files for all."""
        return self.rank == 0

    @property
    def program(self) -> list[str]:
        """The words that start a module in as many processes; `-m MODULE` follows them."""
        if self.size == 1:
            return ["python"]
        machines = -(-self.size // max(1, self.local_size))
        several = ["--nnodes", str(machines)] if machines > 1 else []
        return ["torchrun", *several, "--nproc-per-node", str(self.local_size)]

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> Launch:
        """Return the launch that the environment describes; by default a single process.

        Raises:
            FlagError: the variables contradict each other or are malformed.
        """
        if not {"MASTER_ADDR", "RANK", "WORLD_SIZE"} <= set(environment):
            return cls()
        names = {"rank": "RANK", "size": "WORLD_SIZE", "local_rank": "LOCAL_RANK",
                 "local_size": "LOCAL_WORLD_SIZE"}  # fmt: skip
        said = {field: environment[name] for field, name in names.items() if name in environment}
        try:
            launch = cls(**{field: int(value) for field, value in said.items()})
        except ValueError:
            launch = cls(rank=-1)
        if not 0 <= launch.rank < launch.size or launch.local_rank < 0:
            shown = ", ".join(f"{names[field]}={value}" for field, value in said.items())
            raise FlagError(
                f"invalid process settings in the environment: {shown}; start several processes "
                "with torchrun, which sets these, or unset WORLD_SIZE to run one"
            )
        return launch


@contextmanager
def said_once() -> Iterator[None]:
    """Let only the first process report an error that all processes find.

    Raises:
        UserError: the error, in the first process.
        ElsewhereError: the error, in all other processes.
    """
    try:
        yield
    except UserError as error:
        if Launch.read().is_first:
            raise
        raise ElsewhereError(str(error)) from None
