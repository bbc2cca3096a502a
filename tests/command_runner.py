"""Runs the toolkit's commands for tests: in this process, or in one of their own."""

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
    """Run `python -m coqui_stt_training.NAME`, in this process: PyTorch is slow to start.

    `stderr` of the result is all that a user sees: the log of some commands is on `stdout`.
    """
    module = importlib.import_module(f"coqui_stt_training.{name}")
    return captured(lambda words: run(module.main, words), name, *flags, cwd=cwd)


def captured(
    main: Callable[[list[str]], int], name: str, *flags: object, cwd: Path | None = None
) -> Result:
    """Run the main function of the command of that name, and keep what it prints."""
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
    """Start `python -m coqui_stt_training.NAME` as a user does, all that it says on `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-m", f"coqui_stt_training.{name}", *map(str, flags)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
    )
