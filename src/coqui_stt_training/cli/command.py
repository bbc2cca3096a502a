"""What every command does around its work: flags, logging, and errors a person can read."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from ..errors import FlagError, UserError

# Packages whose names on the package index are others.
_DISTRIBUTIONS = {"yaml": "pyyaml", "google_crc32c": "google-crc32c"}
_OWN_PACKAGES = ("", "coqui_stt_training", "coqui_stt_ctcdecoder", "stt")
LOG_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)


def run(main: Callable[[list[str]], int | None], argv: list[str] | None = None) -> int:
    """Run a command's main function and return its exit status.

    A user's mistake, and what the system refuses, is printed in one line, or as one report, and
    gives status 2; an interrupt gives 130, as shells expect.
    """
    try:
        return main(sys.argv[1:] if argv is None else argv) or 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in _OWN_PACKAGES:
            raise
        print(
            f"error: this needs the package {package}, which is not installed: pip install "
            f"{_DISTRIBUTIONS.get(package, package)}; all that training needs, in the folder with "
            "the sources: pip install '.[train]'",
            file=sys.stderr,
        )
        return 2
    except BrokenPipeError:  # `inspect model | head`: whoever read has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk, no permission: nothing that a traceback would explain
        where = f"{error.filename}: " if error.filename else ""
        print(f"error: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


class ArgumentParser(argparse.ArgumentParser):
    """An `argparse` parser of a few flags whose errors are like those of all other commands."""

    def error(self, message: str) -> NoReturn:
        """Raise `FlagError`."""
        raise FlagError(f"{message}; see --help")


def start_logging(log_level: int, notices: Iterable[str] = ()) -> None:
    """Log to standard error in upstream's form: `I message`, from `--log_level` upwards.

    Args:
        log_level: 0 to 3.
        notices: what there is to say about the flags; logged at once.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LetterFormatter())
    root = logging.getLogger("coqui_stt_training")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(LOG_LEVELS[min(max(log_level, 0), 3)])
    for notice in notices:
        root.info(notice)


class _LetterFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname[0]} {super().format(record)}"
