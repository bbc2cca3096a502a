"""What all commands share: their main functions, logging, and readable errors."""

from __future__ import annotations

import argparse
import contextlib
import functools
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Concatenate, NoReturn, ParamSpec, Protocol, TextIO

from stt.errors import describe_system_error
from stt.extras import missing_packages
from stt.terminal import printable, shown_on, write_any_text

from ..errors import ElsewhereError, FlagError, UserError
from .launch import Launch

_OWN_PACKAGES = ("", "coqui_stt_training", "coqui_stt_ctcdecoder", "stt")
LOG_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
# Python's message for file names that are not UTF-8.
_NO_UTF8 = "surrogates not allowed"
_SHOWN = 60  # characters shown before and after the invalid ones
_OUT_OF_MEMORY = (
    "out of memory: use smaller batches (--train_batch_size, --dev_batch_size, --test_batch_size) "
    "or a smaller model. Everything saved so far is intact"
)

More = ParamSpec("More")


class Command(Protocol[More]):
    """A command's main function. Without flags, it reads those of the process; see `command`."""

    def __call__(
        self, argv: list[str] | None = None, *more: More.args, **named: More.kwargs
    ) -> int:
        """Run the command and return its exit status."""
        ...


def command(main: Callable[Concatenate[list[str], More], int]) -> Command[More]:
    """Let a main function also be called without arguments, as scripts written for upstream do.

    `main(flags)` returns the status and raises errors. `main()` reads the flags of this process,
    prints errors like all commands, and exits the process if the status is not 0.
    """

    @functools.wraps(main)
    def run_or_exit(argv: list[str] | None = None, *more: More.args, **named: More.kwargs) -> int:
        if argv is not None:
            return main(argv, *more, **named)
        status = run(lambda words: main(words, *more, **named))
        if status:
            raise SystemExit(status)
        return status

    return run_or_exit


def words_before_flags(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the positional arguments of a command, and the flags after them."""
    words = list(itertools.takewhile(lambda word: not word.startswith("-"), argv))
    return words, list(argv[len(words) :])


def print_now(text: str) -> None:
    """Print a text, and flush.

    If the reader has closed the pipe (`evaluate ... --report x.html | head`), the command goes on,
    because it may have files to write.
    """
    try:
        print(shown_on(sys.stdout, text), flush=True)
    except BrokenPipeError:
        _print_nowhere()


def _print_nowhere() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(main: Callable[[list[str]], int | None], argv: list[str] | None = None) -> int:
    """Run a command's main function and return its exit status.

    Errors of the user and of the system are printed without a traceback, and give status 2. An
    interrupt gives 130, as shells expect.
    """
    if argv is None:
        write_any_text(sys.stdout)
    try:
        return main(sys.argv[1:] if argv is None else argv) or 0
    except ElsewhereError:
        return 2
    except BrokenPipeError:  # the reader has closed the pipe: `inspect model | head`
        _print_nowhere()
        return 1
    except KeyboardInterrupt as stop:
        print(str(stop) or "interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        said = _explanation(error)
        if said is None:
            raise
        print(printable(f"error: {said}"), file=sys.stderr)
        return 2


@contextlib.contextmanager
def resumable() -> Iterator[None]:
    """Add to an interrupt the message that the same command resumes the work."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on where it stopped") from None


def _explanation(error: Exception) -> str | None:
    """Return the message to print instead of a traceback; None: the error is a bug."""
    if isinstance(error, UserError):
        return error.detail
    if isinstance(error, ModuleNotFoundError):
        package = (error.name or "").split(".")[0]
        return None if package in _OWN_PACKAGES else missing_packages(package, "train")
    if isinstance(error, OSError):
        return describe_system_error(error)
    if isinstance(error, UnicodeEncodeError) and error.reason == _NO_UTF8:
        found = error.object[max(0, error.start - _SHOWN) : error.end + _SHOWN]
        return f"cannot write a name that is not UTF-8: {found}; rename it"
    return f"{_OUT_OF_MEMORY} ({error})" if _is_out_of_memory(error) else None


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out. PyTorch's errors are known by name: its import is slow."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "allocate memory" in str(error)


def stand_in(notice: str, main: Callable[[list[str]], int], argv: list[str]) -> int:
    """Print that another command replaces this one, and run it."""
    print(f"note: {notice}", file=sys.stderr)
    return main(argv)


class ArgumentParser(argparse.ArgumentParser):
    """An `argparse` parser that raises `FlagError`, and accepts absl's `--helpfull`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.add_argument("--helpfull", action="help", help=argparse.SUPPRESS)

    def error(self, message: str) -> NoReturn:
        """Raise `FlagError`."""
        raise FlagError(f"{message}; see --help")


def start_logging(
    log_level: int, notices: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Log with the time and upstream's format, `I message`.

    Args:
        log_level: lowest level to log, 0 to 3.
        notices: notices about the flags, which are logged at once.
        stream: stream to log to, by default the standard error. `train` and `evaluate` log to the
            standard output like upstream, because the log is their result.
    """
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_LetterFormatter())
    root = logging.getLogger("coqui_stt_training")
    root.handlers[:] = [handler]
    root.propagate = False
    level = LOG_LEVELS[min(max(log_level, 0), 3)]
    root.setLevel(level)
    if not Launch.read().is_first:
        root.setLevel(logging.CRITICAL)  # the first process of a run logs for all,
        batches = logging.getLogger("coqui_stt_training.batches")
        batches.setLevel(max(level, logging.WARNING))  # but each warns about its own clips
    for notice in notices:
        root.info(notice)


class _Handler(logging.StreamHandler[TextIO]):
    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Let training go on if the log cannot be written.

        If the reader has closed the pipe (`train ... | head`), nothing is printed. Other errors,
        such as a full disk, are printed once; checkpoints may be on another disk.
        """
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._has_failed and not isinstance(error, BrokenPipeError):
            self._has_failed = True
            with contextlib.suppress(OSError):  # the standard error may be on the same disk
                print(f"cannot write the log: {error.strerror or error}", file=sys.stderr)


class _LetterFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        return f"{time} {record.levelname[0]} {printable(super().format(record))}"
