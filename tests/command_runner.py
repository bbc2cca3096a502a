"""Runs the toolkit's commands for tests: in this process, or in one of their own."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from coqui_stt_training.cli.command import run

Result = subprocess.CompletedProcess[str]


def run_command(name: str, *flags: object, cwd: Path | None = None) -> Result:
    """Run `python -m coqui_stt_training.NAME`, in this process: PyTorch is slow to start.

    `stderr` of the result is all that a user sees: the log of some commands is on `stdout`.
    """
    words = [name, *map(str, flags)]
    module = importlib.import_module(f"coqui_stt_training.{name}")
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd or Path.cwd()):
        try:
            status = run(module.main, words[1:])
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
