"""Commands that a command runs: printed as one types them, then run in this process."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from importlib import import_module

_PACKAGE = "coqui_stt_training"


class StoppedError(Exception):
    """A command was stopped, and has said so."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def as_typed(module: str, words: Sequence[str]) -> str:
    """Return a command as one types it."""
    return shlex.join(["python", "-m", f"{_PACKAGE}.{module}", *words])


def run_shown(module: str, words: Sequence[str], show: Callable[[str], object]) -> None:
    """Print a command as one types it, and run it.

    Args:
        module: of the command, such as `train`.
        words: after its name.
        show: is given the command.

    Raises:
        StoppedError: it ended with another status than 0.
        UserError: whatever it says.
    """
    show(f"$ {as_typed(module, words)}")
    status = import_module(f"{_PACKAGE}.{module}").main(list(words))
    if status:
        raise StoppedError(status)
