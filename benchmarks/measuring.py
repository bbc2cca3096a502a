"""What the table of `python -m benchmarks` is made of: how long things take, and could take."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """How long something takes.

    Attributes:
        name: what, the same in every run.
        seconds: for each `unit`, of CPU time, or of wall time where it waits for a disk.
        unit: `audio s`, `step`, `file` or `start`.
        limit_seconds: what the machine cannot go below, measured in the same run; None: unknown.
        limited_by: by what.
        upstream_seconds: what Coqui STT 1.4 took on two cores with AVX-512; None: not known.
    """

    name: str
    seconds: float
    unit: str
    limit_seconds: float | None = None
    limited_by: str = ""
    upstream_seconds: float | None = None


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Attributes:
        rounds: how often each thing is done; the best counts.
        sizes: n_hidden of models.
        audio_seconds: of what is heard.
    """

    rounds: int
    sizes: tuple[int, ...]
    audio_seconds: float


Measure = Callable[[Effort], Iterator[Result]]

FULL = Effort(rounds=5, sizes=(512, 2048), audio_seconds=20.48)
QUICK = Effort(rounds=2, sizes=(256,), audio_seconds=5.12)

# In a process of its own, since the times of all children add up.
_TIMED = (
    "import json, resource, subprocess, sys; "
    "subprocess.run([sys.executable, *json.loads(sys.argv[1])], stdout=subprocess.DEVNULL, "
    "stderr=subprocess.DEVNULL, check=True); used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(used.ru_utime + used.ru_stime)"
)


def best_cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the least CPU time of some rounds, after one to warm up."""
    return _best(work, rounds, time.process_time)


def best_wall_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the least wall time of some rounds, after one to warm up."""
    return _best(work, rounds, time.perf_counter)


def process_cpu_seconds(arguments: Sequence[str]) -> float:
    """Return the CPU time of Python with such arguments; the process says it of itself.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    done = subprocess.run(
        [sys.executable, "-c", _TIMED, json.dumps([*arguments])],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def _best(work: Callable[[], object], rounds: int, clock: Callable[[], float]) -> float:
    work()
    best = float("inf")
    for _ in range(rounds):
        started = clock()
        work()
        best = min(best, clock() - started)
    return best
