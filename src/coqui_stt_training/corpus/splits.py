"""Splits one corpus file into train, dev and test sets: `--auto_input_dataset`."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from pathlib import Path

from stt.atomic_file import write_atomically
from stt.counted import counted

from ..errors import CorpusError
from .alphabet_source import alphabet_from_corpus
from .csv_file import write_csv
from .rows import read_rows

_SETS = ("train", "dev", "test")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AutoInput:
    """The files that take the place of `--train_files` and the like."""

    train: Path
    dev: Path
    test: Path
    alphabet: Path


def split_auto_input(
    dataset: str | Path, *, seed: int, alphabet_path: str | Path | None = None
) -> AutoInput:
    """Split a CSV file at random into `train.csv`, `dev.csv` and `test.csv` beside it.

    Sets that are there already are used as they are. So is `alphabet.txt` beside them, which is
    otherwise made from the transcripts, unless an alphabet is given.

    Args:
        dataset: the CSV file, or the folder that holds it as its only one besides the three sets.
        seed: of the random order.
        alphabet_path: `--alphabet_config_path`, where given.

    Raises:
        CorpusError: no CSV or several of them, some of the sets but not all, a file that cannot be
            read, or fewer than three rows.
    """
    given = Path(dataset)
    if not given.exists():
        raise CorpusError(f"--auto_input_dataset {given}: no such file or folder")
    folder = given if given.is_dir() else given.parent
    sets = [folder / f"{name}.csv" for name in _SETS]
    present = [path for path in sets if path.exists()]
    if given in sets:
        raise CorpusError(
            f"--auto_input_dataset {given}: that name is one of those the sets are written to; "
            "rename the file, or give the sets as --train_files, --dev_files and --test_files"
        )
    if present and len(present) < len(sets):
        missing = ", ".join(str(path) for path in sets if path not in present)
        raise CorpusError(
            f"--auto_input_dataset {given}: {', '.join(map(str, present))} is there, but not "
            f"{missing}; remove what is there to have all three made anew"
        )
    if present:
        _log.info("Using the sets found in %s", folder)
    else:
        _write_sets(_find_csv(given), sets, seed)
    train, dev, test = sets
    return AutoInput(train, dev, test, _provide_alphabet(folder, sets, alphabet_path))


def set_size(row_count: int) -> int:
    """Return how many rows go to dev, and as many to test.

    A tenth each, but no more than a score with a margin of error of 1 % at 99 % confidence needs of
    a population so large (Cochran, Sampling Techniques, section 4.4).
    """
    unlimited = 2.58**2 * 0.5 * 0.5 / 0.01**2
    return max(1, min(row_count // 10, int(unlimited / (1 + unlimited / row_count))))


def _find_csv(given: Path) -> Path:
    if not given.is_dir():
        return given
    found = sorted(path for path in given.glob("*.csv") if path.stem not in _SETS)
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise CorpusError(
            f"--auto_input_dataset {given}: the folder should hold one CSV file and holds "
            f"{names}; name the file itself"
        )
    return found[0]


def _write_sets(source: Path, sets: list[Path], seed: int) -> None:
    file = read_rows(source)
    if len(file.rows) < len(sets):
        raise CorpusError(
            f"--auto_input_dataset {source}: {counted(len(file.rows), 'row')} cannot be split into "
            f"{len(sets)} sets; give more"
        )
    order = list(range(len(file.rows)))
    random.Random(seed).shuffle(order)
    size = set_size(len(order))
    parts = order[2 * size :], order[size : 2 * size], order[:size]
    for path, part in zip(sets, parts, strict=True):
        write_csv(path, file.columns, [file.rows[index].fields for index in sorted(part)])
        _log.info("Wrote %s to %s", counted(len(part), "row"), path)


def _provide_alphabet(folder: Path, sets: list[Path], alphabet_path: str | Path | None) -> Path:
    if alphabet_path:
        return Path(alphabet_path)
    beside = folder / "alphabet.txt"
    if not beside.exists():
        alphabet = alphabet_from_corpus(sets)
        try:
            write_atomically(beside, alphabet.serialize_text())
        except OSError as error:
            raise CorpusError(f"{beside}: cannot be written ({error.strerror or error})") from None
        _log.info("Wrote the alphabet %s to %s", "".join(alphabet.labels), beside)
    return beside
