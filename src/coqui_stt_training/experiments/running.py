"""Running one command from within another: it is printed as typed, then run in this process."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from importlib import import_module

_PACKAGE = "coqui_stt_training"


class StoppedError(Exception):
    """A command ended with an error status, after it printed its own message."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def as_typed(module: str, words: Sequence[str]) -> str:
    """Return a command line as a user types it."""
    return shlex.join(["python", "-m", f"{_PACKAGE}.{module}", *words])


def run_shown(module: str, words: Sequence[str], show: Callable[[str], object]) -> None:
    """Print a command as a user types it, and run it.

    Args:
        module: name of the command, such as `train`.
        words: its arguments.
        show: called with the command line.

    Raises:
        StoppedError: the command returned another status than 0.
        UserError: the command failed.
    """
    show(f"$ {as_typed(module, words)}")
    status = import_module(f"{_PACKAGE}.{module}").main(list(words))
    if status:
        raise StoppedError(status)
