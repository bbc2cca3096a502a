"""The measurements in the table of `python -m benchmarks`, and their limits."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Result:
    """A measured time.

    Attributes:
        name: what was measured; the same in every run.
        seconds: CPU time per `unit`, or wall time if it depends on a disk.
        unit: `audio s`, `step`, `file` or `start`.
        limit_seconds: lower limit on this machine, measured in the same run; None: unknown.
        limited_by: what sets the limit.
        upstream_seconds: time of Coqui STT 1.4 on two cores with AVX-512; None: unknown.
    """

    name: str
    seconds: float
    unit: str
    limit_seconds: float | None = None
    limited_by: str = ""
    upstream_seconds: float | None = None


@dataclass(frozen=True)
class Effort:
    """The extent of the measurements.

    Attributes:
        rounds: number of repetitions, of which the best counts.
        sizes: n_hidden of models.
        audio_seconds: length of the audio.
    """

    rounds: int
    sizes: tuple[int, ...]
    audio_seconds: float


Measure = Callable[[Effort], Iterator[Result]]

FULL = Effort(rounds=5, sizes=(512, 2048), audio_seconds=20.48)
QUICK = Effort(rounds=2, sizes=(256,), audio_seconds=5.12)

# In a process of its own, because the times of all child processes are added up.
_TIMED = (
    "import json, resource, subprocess, sys; "
    "subprocess.run([sys.executable, *json.loads(sys.argv[1])], stdout=subprocess.DEVNULL, "
    "stderr=subprocess.DEVNULL, check=True); used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    "print(used.ru_utime + used.ru_stime)"
)


def best_cpu_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the minimum CPU time of several rounds, after a warm-up round."""
    return _best(work, rounds, time.process_time)


def best_wall_seconds(work: Callable[[], object], rounds: int) -> float:
    """Return the minimum wall time of several rounds, after a warm-up round."""
    return _best(work, rounds, time.perf_counter)


def process_cpu_seconds(arguments: Sequence[str]) -> float:
    """Return the CPU time of a Python process with these arguments.

    Raises:
        subprocess.CalledProcessError: the process failed.
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
