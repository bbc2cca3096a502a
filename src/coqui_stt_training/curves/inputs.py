"""The inputs of a learning curve, checked before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder import Alphabet
from stt.atomic_file import write_atomically
from stt.counted import counted

from ..checkpoints.loading import digest_source, load_source
from ..checkpoints.source import SourceModel
from ..cli.curve_flags import CurveConfig
from ..cli.flags import Parsed, as_dict
from ..corpus import CorpusFiles, Row, RowFile, all_characters, expand_file_list, plain_alphabet
from ..corpus.csv_file import write_corpus_file
from ..corpus.duration import estimate_amount
from ..corpus.files import content_of
from ..corpus.rows import Entry, rows_of_entries
from ..errors import FlagError
from ..experiments.digest import digest_of
from ..experiments.out_folder import check_out_folder
from ..experiments.start_flags import start_flags
from ..experiments.trainings import FIXED_FLAGS, NEUTRAL_FLAGS, fixed_flags_problem, missing_files
from .record import RECORD, read_record
from .subsets import GrowingOrder, growing_order

LEAST_CLIPS = 8  # in the smallest part
_FIXED_FLAGS = FIXED_FLAGS | {"limit_train"}


@dataclass(frozen=True)
class CurveInputs:
    """The inputs of a learning curve.

    Attributes:
        rows: training data.
        given: flags of the trainings: those on the command line, and those for their start.
        digest: digest of everything that affects results, except parts and seeds.
        seconds_a_clip: mean length of the clips, possibly an estimate.
    """

    rows: tuple[Row, ...]
    given: Mapping[str, Any]
    digest: str
    seconds_a_clip: float

    def order(self, seed: int) -> GrowingOrder:
        """Return the order in which parts grow, for a seed."""
        return growing_order(self.rows, seed)


def check_inputs(parsed: Parsed[CurveConfig]) -> CurveInputs:
    """Read the data and the source.

    Args:
        parsed: flags, already checked by `check_flags`.

    Raises:
        UserError: data or the source cannot be read, or there is too little data.
    """
    config = parsed.config
    out = Path(config.curve.out)
    files = CorpusFiles()
    train = expand_file_list(config.data.train_files)
    rows = [
        replace(row, audio=audio)
        for path in train
        for file in [files.rows(path)]
        for row, audio in zip(file.rows, file.audio(), strict=True)
        if row.problem is None and row.transcript.strip()
    ]
    _check_enough(len(rows), config.curve.sizes())
    source = config.checkpoints.load_checkpoint_dir
    model = load_source(source) if source else None
    measured = [*config.data.dev_files, *config.data.test_files]
    digests = [files.digest(path) for path in [*train, *expand_file_list(measured)]]
    flags = as_dict(config)
    names = parsed.given - vars(config.curve).keys() - {"train_files", "dry_run"}
    given = {name: flags[name] for name in sorted(names)}
    read_record(out).write()  # marks the folder as that of a learning curve
    given = {**_start(config, model, given, files, out), **given}
    acting = {name: value for name, value in given.items() if name not in NEUTRAL_FLAGS}
    digest = digest_of([acting, digests, digest_source(source) if source else ""])
    amount = estimate_amount(train, files)
    return CurveInputs(tuple(rows), given, digest, amount.seconds / max(1, amount.clips))


def check_flags(parsed: Parsed[CurveConfig]) -> None:
    """Check that the flags are consistent and the folder can be written to; write nothing.

    Raises:
        FlagError: something is wrong; the message lists all problems.
    """
    config, problems = parsed.config, []
    if not config.curve.out:
        problems.append("no output folder; give --out")
    if problem := fixed_flags_problem("learning_curve", parsed.given, _FIXED_FLAGS):
        problems.append(problem)
    problems += missing_files(config.data)
    if problems:
        raise FlagError("; ".join(problems))
    check_out_folder(config.curve.out, RECORD, "a learning curve")


def _check_enough(count: int, sizes: Sequence[float]) -> None:
    least = math.ceil(LEAST_CLIPS / sizes[0])
    if count < least:
        raise FlagError(
            f"--train_files: {counted(count, 'clip')} with a transcript, but at least {least} are "
            f"needed, so that the smallest part ({sizes[0]:g}) has {LEAST_CLIPS}; give more "
            "clips, or larger --parts"
        )


def _start(
    config: CurveConfig,
    model: SourceModel | None,
    given: Mapping[str, Any],
    files: CorpusFiles,
    out: Path,
) -> dict[str, Any]:
    """Return the flags for the start of all trainings, with an alphabet for all the data."""
    transcripts = (
        row.transcript
        for name in ("train_files", "dev_files", "test_files")
        for file in expand_file_list(getattr(config.data, name))
        for row in files.rows(file).rows
        if row.problem is None
    )
    if config.alphabet.bytes_output_mode or config.alphabet.alphabet_config_path:
        named = config.alphabet.alphabet_config_path
        return start_flags(model, Path(named) if named else None, given, transcripts)
    beside = Path(config.data.train_files[0]).parent / "alphabet.txt"
    if beside.is_file():
        return start_flags(model, beside, given, transcripts)
    path = out / "alphabet.txt"
    normalizes = config.data.normalize_transcripts == "true"
    make = plain_alphabet if normalizes else all_characters
    texts = list(transcripts)
    alphabet: Alphabet = make(texts)
    write_atomically(path, alphabet.serialize_text())
    return start_flags(model, path, given, texts)


def write_part(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as a CSV file that refers to the audio where it is.

    Raises:
        CorpusError: the file cannot be written.
    """
    entries = [
        Entry(row.source, row.line, row.transcript, row.audio, speaker=row.speaker) for row in rows
    ]
    file: RowFile = rows_of_entries(str(path), path.parent.absolute(), entries)
    write_corpus_file(path, content_of(file))
