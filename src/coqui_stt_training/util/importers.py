"""What importers of public corpora share: cleaning transcripts, and counting what was imported.

An importer is a script that turns a corpus as it is published into CSV files to train on.
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
# Digits want to be spelled out and brackets hold comments: such transcripts are not what was said.
_UNCLEAR = re.compile(r"[0-9(<\[\]&*{]")
_SEPARATORS = re.compile(r"[-_]")
_PUNCTUATION = re.compile(r'[.,;?!:"]')


def get_counter() -> Counter[str]:
    """Return the counts of an import, all 0: samples by what became of them, and frames of audio.

    Keys: `all`, `failed`, `invalid_label`, `too_short`, `too_long` count samples; `imported_time`
    and `total_time` count frames at the sample rate that `print_import_report` is given.
    """
    return Counter(dict.fromkeys(("all", *_REASONS, "imported_time", "total_time"), 0))


def get_imported_samples(counter: Counter[str]) -> int:
    """Return how many samples were imported: all but those that were left out."""
    return counter["all"] - sum(counter[reason] for reason in _REASONS)


def print_import_report(counter: Counter[str], sample_rate: int, max_secs: float) -> None:
    """Print what became of the samples.

    Args:
        counter: see `get_counter`.
        sample_rate: frames a second, for the times.
        max_secs: the limit that samples counted as `too_long` exceeded.
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
    """Return a parser with the flag that all importers have, `--validate_label_locale`."""
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
        args: of a parser made by `get_importers_parser`.

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

    Hyphens and underscores become spaces. Digits, `(<[]&*{` and nothing at all are left out.

    Raises:
        CorpusError: the transcript is no text, which a column read as numbers is not.
    """
    if not isinstance(label, str):
        raise CorpusError(f"the transcript {label!r} is no text but {type(label).__name__}")
    if _UNCLEAR.search(label):
        return None
    words = _PUNCTUATION.sub("", _SEPARATORS.sub(" ", label)).lower()
    return re.sub(" {2,}", " ", words).strip() or None
