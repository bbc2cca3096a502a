"""Runs the toolkit's commands for benchmarks, each of them only once.

A benchmark of hours may be interrupted. So its folder stores the output of each command, and the
CPU time of all its attempts.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TextIO

_CPU_SECONDS = "cpu_seconds.txt"


def run_command(folder: Path, name: str, *flags: object) -> str:
    """Run `python -m coqui_stt_training.NAME` on one core, unless it is done; return its log.

    Args:
        folder: folder for its output; a command is completed only once in a folder.
        name: name of the command.
        flags: its flags.

    Raises:
        SystemExit: it failed or was interrupted; the message names its log.
    """
    log, unfinished = folder / f"{name}.log", folder / f"{name}.unfinished.log"
    if not log.exists():
        folder.mkdir(parents=True, exist_ok=True)
        before = _seconds_of_children()
        with unfinished.open("w", encoding="utf-8") as file:
            status = _run(
                [sys.executable, "-m", f"coqui_stt_training.{name}", *map(str, flags)], file
            )
        with (folder / _CPU_SECONDS).open("a", encoding="utf-8") as file:
            file.write(f"{_seconds_of_children() - before}\n")
        if status:
            raise SystemExit(
                f"{name} ended with status {status}: see {unfinished}. The same benchmark, run "
                "again, goes on there"
            )
        unfinished.rename(log)
    return log.read_text(encoding="utf-8")


def cpu_minutes(folder: Path) -> float:
    """Return the CPU time of the commands that were run in a folder."""
    return sum(map(float, (folder / _CPU_SECONDS).read_text(encoding="utf-8").split())) / 60


def _run(words: list[str], file: TextIO) -> int:
    """Run a process and return its status; a signal to this process stops it cleanly."""
    with subprocess.Popen(
        words, stdout=file, stderr=file, env={**os.environ, "OMP_NUM_THREADS": "1"}
    ) as process:
        before = signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            return process.wait()
        except KeyboardInterrupt:  # the other process gets it, too
            return process.wait()
        finally:
            signal.signal(signal.SIGTERM, before)


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
