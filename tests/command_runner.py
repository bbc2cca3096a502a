"""Runs the toolkit's commands for tests, in this process or in a new one."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from coqui_stt_training.cli.command import run

Result = subprocess.CompletedProcess[str]


def run_command(name: str, *flags: object, cwd: Path | None = None) -> Result:
    """Run `python -m coqui_stt_training.NAME` in this process, because PyTorch is slow to import.

    `stderr` of the result is `stdout` followed by `stderr`, because some commands log to `stdout`.
    """
    module = importlib.import_module(f"coqui_stt_training.{name}")
    return captured(lambda words: run(module.main, words), name, *flags, cwd=cwd)


def captured(
    main: Callable[[list[str]], int], name: str, *flags: object, cwd: Path | None = None
) -> Result:
    """Run a command's main function and return its status and output; see `run_command`."""
    words = [name, *map(str, flags)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd or Path.cwd()):
        try:
            status = main(words[1:])
        except SystemExit as stop:  # --help
            status = int(stop.code or 0)
    return Result(words, status, out.getvalue(), out.getvalue() + err.getvalue())


@contextmanager
def chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def start_process(name: str, *flags: object, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start `python -m coqui_stt_training.NAME` in a new process, with its stderr on `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-m", f"coqui_stt_training.{name}", *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
    )
