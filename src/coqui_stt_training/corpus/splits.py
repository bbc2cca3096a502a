"""Splitting one corpus file into train, dev and test sets: `--auto_input_dataset`.

The sets are written beside the file, and a record of what they were made of with them:

    nothing is there              the file is split
    the sets were made of it      they are used; what is missing of them is written again
    a set was changed by hand     it is used as it is
    the file has changed          it is split again; refused where a set was changed by hand
    sets of unknown origin        used if they hold the file's rows, else refused
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet
from stt.counted import counted

from ..errors import CorpusError
from .alphabet_source import all_characters
from .csv_file import write_corpus_file
from .files import CorpusFiles, content_digest, content_of, file_digest
from .groups import part_rows, place_by_seed
from .normalization import plain_alphabet
from .rows import END_COLUMN, START_COLUMN, RowFile
from .sources.reading import is_collection_folder, read_rows
from .sources.unknown_folder import describe_folder
from .split_record import SplitRecord, read_record
from .stores import is_url

_SETS = ("train", "dev", "test")
_ALPHABET = "alphabet.txt"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AutoInput:
    """The files that take the place of `--train_files` and the like.

    Attributes:
        train: the set to train on.
        dev: the set to validate on.
        test: the set to evaluate on.
        alphabet: the alphabet's file.
        reason: what is done, and why, for the log.
        files: the same sets in memory, as far as they are this program's.
        unwritten: what is still to be written, by path.
        record: of the split; None where the sets are somebody else's.
    """

    train: Path
    dev: Path
    test: Path
    alphabet: Path
    reason: str
    files: CorpusFiles = field(default_factory=CorpusFiles)
    unwritten: Mapping[Path, bytes] = field(default_factory=dict)
    record: SplitRecord | None = None

    def write(self) -> None:
        """Write what is not written yet. A process that is killed here is made up for by the next.

        Raises:
            CorpusError: the folder cannot be written to.
        """
        if self.record and self.record != read_record(self.train.parent):
            for path in self.unwritten:  # else they would pass for edited sets of the new record
                path.unlink(missing_ok=True)
            self.record.write(self.train.parent)
        for path, content in self.unwritten.items():
            write_corpus_file(path, content)
        _log.info("%s", self.reason)

    def describe(self) -> str:
        """Say what would be written."""
        names = ", ".join(map(str, self.unwritten)) or "nothing"
        return f"{self.reason}. To be written: {names}"


def split_auto_input(
    dataset: str | Path, *, seed: int, alphabet_path: str | Path | None = None
) -> AutoInput:
    """Split a collection at random into `train.csv`, `dev.csv` and `test.csv` beside it.

    `alphabet.txt` beside them is made from the transcripts, unless it is there or one is given.

    Args:
        dataset: the collection; or the folder that holds a CSV file as its only one besides the
            three sets.
        seed: of the random order.
        alphabet_path: `--alphabet_config_path`, where given.

    Raises:
        CorpusError: see `plan_split`.
    """
    made = plan_split(dataset, seed=seed, alphabet_path=alphabet_path)
    made.write()
    return made


def plan_split(
    dataset: str | Path,
    *,
    seed: int,
    alphabet_path: str | Path | None = None,
    makes_alphabet: bool = True,
    normalizes: bool = False,
    least_rows: int = len(_SETS),
) -> AutoInput:
    """Find out which sets there are or will be, and write nothing.

    Args:
        dataset: the collection; or the folder that holds a CSV file as its only one besides the
            three sets.
        seed: of the random order of a new split.
        alphabet_path: the alphabet, where one is given.
        makes_alphabet: whether to make one, where none is given or there.
        normalizes: whether transcripts will be normalised.
        least_rows: how many there must be, three or more.

    Raises:
        CorpusError: no CSV or several of them; some of the sets but not all, sets of something
            else, or edited ones while the CSV has changed; a file that cannot be read; fewer rows
            than that.
    """
    given, sets = Path(dataset), _sets_beside(dataset)
    folder = sets[0].parent
    train, dev, test = sets
    alphabet = Path(alphabet_path) if alphabet_path else folder / _ALPHABET
    record = read_record(folder)
    present = [path for path in sets if path.exists()]
    source = _find_source(given, record, needed=len(present) < len(sets))
    if source is None:
        reason = (
            f"Using the sets in {folder} as they are, because there is no single file they were "
            "split from"
        )
        return AutoInput(train, dev, test, alphabet, reason, CorpusFiles(dataset=str(dataset)))
    reader = CorpusFiles()
    file, digest = reader.rows(str(source)), reader.digest(str(source))
    reason, seed, kept = _decide(source, file, digest, seed, sets, present, record)
    made_parts, apart = _split(source, folder, file, seed, least_rows)
    parts = dict(zip(sets, made_parts, strict=True))
    if not kept:
        reason = f"{reason}: {_describe_sizes(made_parts)}; {apart}"
    contents = {path: content_of(part) for path, part in parts.items()}
    ours = {path for path in sets if kept.get(path) in (None, content_digest(contents[path]))}
    if len(kept) < len(sets) and not ours.issuperset(kept):
        raise _some_are_missing(source, present, sets)
    unwritten = {path: contents[path] for path in sets if path not in kept}
    digests: Mapping[str, str]
    if not kept:
        digests = {path.name: content_digest(contents[path]) for path in sets}
    else:
        digests = record.files if record else {path.name: kept[path] for path in sets}
    wanted = makes_alphabet and not alphabet_path
    made = _alphabet(alphabet, file, normalizes, record, digest) if wanted else None
    if made:
        unwritten[alphabet] = made.serialize_text()
        digests = {**digests, _ALPHABET: content_digest(unwritten[alphabet])}
    elif record and _ALPHABET in record.files:
        digests = {**digests, _ALPHABET: record.files[_ALPHABET]}
        normalizes = record.normalized
    return AutoInput(
        train, dev, test, alphabet, reason,
        CorpusFiles({str(path): parts[path] for path in sets if path in ours}, made, str(dataset)),
        unwritten,
        SplitRecord(source.name, digest, seed, normalizes, digests),
    )  # fmt: skip


def _sets_beside(dataset: str | Path) -> list[Path]:
    """Return the places of a collection's three sets, there or not."""
    given = Path(dataset)
    if is_url(str(dataset)):
        raise CorpusError(
            f"--auto_input_dataset {dataset}: sets are written beside the file that is split, so "
            "it must be here; copy it, or give remote sets as --train_files and the like"
        )
    if not given.exists():
        raise CorpusError(f"--auto_input_dataset {given}: no such file or folder")
    folder = given if given.is_dir() else given.parent
    sets = [folder / f"{name}.csv" for name in _SETS]
    if given in sets:
        remedy = (
            f"name the folder, {folder}, which has all three sets"
            if all(path.exists() for path in sets)
            else "rename the file, or put all three sets into a folder and name that"
        )
        raise CorpusError(
            f"--auto_input_dataset {given}: the split writes a set under that name; {remedy}"
        )
    return sets


def _decide(
    source: Path,
    file: RowFile,
    digest: str,
    seed: int,
    sets: Sequence[Path],
    present: Sequence[Path],
    record: SplitRecord | None,
) -> tuple[str, int, dict[Path, str]]:
    """Return what is done and why, the seed to split with, and digests of the sets to keep."""
    if not present:
        return f"{source} is split", seed, {}
    found = {path: file_digest(path) for path in present}
    if record is None:
        if len(present) < len(sets):
            raise _some_are_missing(source, present, sets)
        _check_same_rows(source, file, sets)
        return f"Using the sets beside {source}, which hold its rows", seed, found
    edited = [path for path in present if record.files.get(path.name) != found[path]]
    if record.source_digest == digest:
        changed = f"; changed since: {', '.join(map(str, edited))}" if edited else ""
        return f"Using the sets that {source} was split into{changed}", record.seed, found
    if edited:
        raise CorpusError(
            f"--auto_input_dataset {source}: the file has changed since it was split, and so "
            f"{'have' if len(edited) > 1 else 'has'} {', '.join(map(str, edited))}. To split it "
            f"again, remove {', '.join(map(str, present))}. {_as_they_are(sets)}"
        )
    what = "it has changed" if record.source == source.name else f"the sets are of {record.source}"
    return f"{source} is split again, since {what}", record.seed, {}


def _some_are_missing(source: Path, present: Sequence[Path], sets: Sequence[Path]) -> CorpusError:
    missing = ", ".join(str(path) for path in sets if path not in present)
    return CorpusError(
        f"--auto_input_dataset {source}: {', '.join(map(str, present))} is there, but not "
        f"{missing}; remove what is there to have all three made anew"
    )


def _check_same_rows(source: Path, file: RowFile, sets: Sequence[Path]) -> None:
    """See that sets of which nothing is known hold the rows of a file, but for malformed ones.

    Raises:
        CorpusError: they do not.
    """
    expected, found = (
        Counter(row.fields for one in files for row in one.rows if row.problem is None)
        for files in ([file], map(read_rows, sets))
    )
    if found != expected:
        lacking, other = (expected - found).total(), (found - expected).total()
        raise CorpusError(
            f"--auto_input_dataset {source}: {', '.join(map(str, sets))} are there and hold other "
            f"rows than it: they lack {lacking} of its {counted(len(file.rows), 'row')} and have "
            f"{other} others. To split the file anew, remove them. {_as_they_are(sets)}"
        )


def _as_they_are(sets: Sequence[Path]) -> str:
    flags = " ".join(f"--{name}_files {path}" for name, path in zip(_SETS, sets, strict=True))
    return f"To use the sets as they are: {flags} in place of --auto_input_dataset"


def set_size(row_count: int) -> int:
    """Return how many rows go to dev, and as many to test.

    A tenth each, but no more than a score with a margin of error of 1 % at 99 % confidence needs of
    a population so large (Cochran, Sampling Techniques, section 4.4). Upstream applied the latter
    alone, which takes two thirds of a small corpus away from training.
    """
    unlimited = 2.58**2 * 0.5 * 0.5 / 0.01**2
    return max(1, min(row_count // 10, int(unlimited / (1 + unlimited / row_count))))


def _describe_sizes(parts: Sequence[RowFile]) -> str:
    train, dev, test = (len(part.rows) for part in parts)
    return f"{train} rows to train on, {dev} for dev and {test} for test"


def _find_source(given: Path, record: SplitRecord | None, needed: bool) -> Path | None:
    """Return the file to split; None where a folder has no one such file and none is needed."""
    if not given.is_dir():
        return given
    found = sorted(path for path in given.glob("*.csv") if path.stem not in _SETS)
    of_record = [path for path in found if record and path.name == record.source]
    if of_record or len(found) == 1:
        return (of_record or found)[0]
    if not found and is_collection_folder(given):
        return given
    if needed:
        if not found and (hint := describe_folder(given)):
            raise CorpusError(
                f"--auto_input_dataset {given}: the folder is no collection of clips; {hint}"
            )
        names = ", ".join(path.name for path in found) or "none"
        raise CorpusError(
            f"--auto_input_dataset {given}: the folder is no collection of clips, and should hold "
            f"one CSV file and holds {names}; name the file itself"
        )
    return None


def _split(
    source: Path, folder: Path, file: RowFile, seed: int, least_rows: int
) -> tuple[list[RowFile], str]:
    """Return train, dev and test sets, and what is in no two of them.

    A row's place follows from its audio file, so that corrected transcripts move few rows, and few
    move when others are added. Malformed rows take no place in the small sets: they are in the
    train set, for whoever checks it to report them, unless there is nothing else.
    """
    if len(file.rows) < least_rows:
        raise CorpusError(
            f"--auto_input_dataset {source}: {counted(len(file.rows), 'row')} cannot be split into "
            f"{len(_SETS)} sets; give {least_rows} or more"
        )

    # A piece of a recording has no name of its own.
    pieces = {START_COLUMN: "", END_COLUMN: ""}
    broken = [row for row in file.rows if row.problem is not None]
    rows = [row for row in file.rows if row.problem is None]
    if len(rows) < least_rows:
        rows, broken = list(file.rows), []
    names = []
    for row in rows:
        values = pieces | dict(zip(file.columns, row.fields, strict=False))
        bounds = values[START_COLUMN], values[END_COLUMN]
        names.append("\0".join((row.audio_name, *bounds)) if any(bounds) else row.audio_name)
    parted = part_rows(rows, set_size(len(rows)), partial(place_by_seed, seed), names)
    train, dev, test = (
        tuple(rows[index] for index in part) for part in (parted.train, parted.dev, parted.test)
    )
    parts = [
        RowFile(str(folder / f"{name}.csv"), file.columns, part)
        for name, part in zip(_SETS, ((*train, *broken), dev, test), strict=True)
    ]
    return parts, parted.apart


def _alphabet(
    path: Path, file: RowFile, normalizes: bool, record: SplitRecord | None, digest: str
) -> Alphabet | None:
    """Return the alphabet to write, or None where there is one that is to be used."""
    if path.exists():
        ours = record and record.files.get(path.name) == file_digest(path)
        if not record or not ours:
            return None
        if (record.source_digest, record.normalized) == (digest, normalizes):
            return None
    transcripts = [row.transcript for row in file.rows if row.problem is None]
    if not any(transcripts):
        raise CorpusError(
            f"no transcript in {file.path} has a character to make an alphabet from; fill in the "
            "transcript column"
        )
    return plain_alphabet(transcripts) if normalizes else all_characters(transcripts)
