"""Functions for importers of public corpora: cleaning of transcripts, and counts of the import.

An importer is a script that converts a published corpus to CSV files for training.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ..errors import CorpusError, FlagError
from .helpers import secs_to_hours

__all__ = [
    "get_counter",
    "get_imported_samples",
    "get_importers_parser",
    "get_validate_label",
    "print_import_report",
    "secs_to_hours",
    "validate_label_eng",
]

ValidateLabel = Callable[[str], str | None]

_log = logging.getLogger(__name__)
_REASONS = ("failed", "invalid_label", "too_short", "too_long")
# Such transcripts are not what was spoken: digits are not spelled out, and brackets are comments.
_UNCLEAR = re.compile(r"[0-9(<\[\]&*{]")
_SEPARATORS = re.compile(r"[-_]")
_PUNCTUATION = re.compile(r'[.,;?!:"]')


def get_counter() -> Counter[str]:
    """Return the counts of an import, all 0.

    `all`, `failed`, `invalid_label`, `too_short` and `too_long` count samples. `imported_time` and
    `total_time` count audio frames, at the sample rate that is passed to `print_import_report`.
    """
    return Counter(dict.fromkeys(("all", *_REASONS, "imported_time", "total_time"), 0))


def get_imported_samples(counter: Counter[str]) -> int:
    """Return the number of imported samples: all except those that were left out."""
    return counter["all"] - sum(counter[reason] for reason in _REASONS)


def print_import_report(counter: Counter[str], sample_rate: int, max_secs: float) -> None:
    """Print how many samples were imported, and why others were left out.

    Args:
        counter: counts of the import; see `get_counter`.
        sample_rate: sample rate in Hz, to convert frames to times.
        max_secs: duration that samples counted as `too_long` exceed, in seconds.
    """
    print(f"Imported {get_imported_samples(counter)} samples.")
    explanations = {
        "failed": "failed upon conversion",
        "invalid_label": "failed on transcript validation",
        "too_short": "were too short to match the transcript",
        "too_long": f"were longer than {max_secs:g} seconds",
    }
    for reason, explanation in explanations.items():
        if counter[reason]:
            print(f"Skipped {counter[reason]} samples that {explanation}.")
    imported, total = (
        secs_to_hours(counter[key] / sample_rate) for key in ("imported_time", "total_time")
    )
    print(f"Final amount of imported audio: {imported} from {total}.")


def get_importers_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with `--validate_label_locale`, the common flag of all importers."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--validate_label_locale",
        help=(
            "Python file with a function validate_label(text), which returns the cleaned "
            "transcript, or None to leave it out. THE FILE IS EXECUTED. Default: clean "
            "transcripts as English"
        ),
    )
    return parser


def get_validate_label(args: argparse.Namespace) -> ValidateLabel:
    """Return the function that cleans transcripts: the user's, or else the one for English.

    Args:
        args: flags parsed by a parser of `get_importers_parser`.

    Raises:
        FlagError: the file of `--validate_label_locale` is missing, or has no such function.
    """
    given = getattr(args, "validate_label_locale", None)
    if given is None:
        _log.warning(
            "No --validate_label_locale: transcripts are cleaned as English, and those with "
            "digits or brackets are left out"
        )
        return validate_label_eng
    path = Path(given).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise FlagError(f"--validate_label_locale {given}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(1, str(path.parent))  # the file may import its neighbours
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    found = getattr(module, "validate_label", None)
    if not callable(found):
        raise FlagError(f"--validate_label_locale {given}: has no function validate_label(text)")
    validate: ValidateLabel = found
    return validate


def validate_label_eng(label: str) -> str | None:
    """Return an English transcript in lower case without punctuation; None to leave it out.

    Hyphens and underscores become spaces. Transcripts that are empty, or contain digits or any of
    `(<[]&*{`, are left out.

    Raises:
        CorpusError: the transcript is not text, for instance a number.
    """
    if not isinstance(label, str):
        raise CorpusError(f"the transcript {label!r} is no text but {type(label).__name__}")
    if _UNCLEAR.search(label):
        return None
    words = _PUNCTUATION.sub("", _SEPARATORS.sub(" ", label)).lower()
    return re.sub(" {2,}", " ", words).strip() or None
