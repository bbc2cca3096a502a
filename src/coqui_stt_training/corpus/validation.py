"""Checks that a corpus can be trained on, before the first step, and reports all it finds.

A row that cannot train would otherwise show hours later: as a crash in the middle of an epoch, as
an infinite loss, or not at all, as a model that learnt nonsense.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from stt.audio.reference import AudioReference
from stt.counted import counted

from ..errors import CorpusError
from .audio_scan import AudioScan, ScanResult, scan_audio
from .clip import Clip, ClipSet, Corpus
from .files import CorpusFiles
from .manifest import Manifest
from .manifest_check import Lengths, Scan, check_manifest, read_lengths
from .normalization import ChangeCounts
from .report import Report, advise_on_characters
from .row_check import CorpusRules, check_row
from .rows import RowFile
from .shared_audio import warn_of_shared_audio
from .skipped_rows import write_skipped_rows
from .unlabelled import refuse_measured_audio
from .untaught import warn_of_untaught_characters

OnBadRow = Literal["fail", "skip"]

UNLABELLED = "unlabelled"
_MAY_BE_EMPTY = ("test", UNLABELLED)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Input:
    """One input file, and whether its transcripts may be empty.

    `audio` is where each row's audio is; `lengths` stand for it in large files that have them.
    """

    file: RowFile
    audio: list[AudioReference]
    may_be_empty: bool
    lengths: Lengths | None = None


@dataclass(frozen=True)
class Examination:
    """What was found of a corpus.

    Attributes:
        sets: the clips that can be used, by role: train, dev, test, metrics, unlabelled.
        report: everything that is wrong.
        files: what was read.
    """

    sets: Mapping[str, tuple[ClipSet, ...]]
    report: Report
    files: tuple[RowFile, ...]


def examine_corpus(
    roles: Mapping[str, Sequence[str]],
    rules: CorpusRules,
    *,
    files: CorpusFiles | None = None,
    scan: Scan = scan_audio,
) -> Examination:
    """Read all sets, and check every row of them; see `check_corpus`.

    Args:
        roles: corpus files, by role; transcripts may be empty in `test`, and are not read in
            `unlabelled`.
        rules: what rows must fit; what normalising changes is logged.
        files: reads the corpus files.
        scan: says what audio holds.
    """
    report = Report()
    reader = files or CorpusFiles()
    inputs = {
        role: _read_inputs(paths, reader, role, report, scan) for role, paths in roles.items()
    }
    every_input = list(itertools.chain.from_iterable(inputs.values()))
    scans = scan(itertools.chain.from_iterable(given.audio for given in every_input))
    changes = ChangeCounts()
    sets = {
        role: tuple(
            _check_input(given, scans, scan, rules, report, changes) for given in role_inputs
        )
        for role, role_inputs in inputs.items()
    }
    if changes.rows:
        _log.info("%s", changes.report(sum(len(given.file.rows) for given in every_input)))
    return Examination(sets, report, tuple(given.file for given in every_input))


def check_corpus(
    rules: CorpusRules,
    *,
    train: Sequence[str] = (),
    dev: Sequence[str] = (),
    test: Sequence[str] = (),
    metrics: Sequence[str] = (),
    unlabelled: Sequence[str] = (),
    on_bad_row: OnBadRow = "fail",
    skipped_rows_path: Path | None = None,
    overwrite_skipped_rows: bool = True,
    scan_cache_path: Path | None = None,
    workers: int | None = None,
    show_progressbar: bool = False,
    alphabet_advice: str = "",
    files: CorpusFiles | None = None,
) -> Corpus:
    """Read all sets of a run, and check every row of them.

    The same recording in two of train, dev and test is logged as a warning: scores measured on it
    flatter. In test sets the transcript may be empty.

    Args:
        rules: what rows must fit; what normalising changes is logged.
        train: corpus files, like `dev`, `test` and `metrics`.
        unlabelled: corpus files whose transcripts are not read. That a recording of theirs is also
            in `dev`, `test` or `metrics`, under whatever name, is an error.
        on_bad_row: whether one bad row refuses the corpus, or is left out.
        skipped_rows_path: a CSV for the rows left out, with `file`, `line` and `reason`.
        overwrite_skipped_rows: whether a file there is replaced; see `write_skipped_rows`.
        scan_cache_path: a JSON file that remembers what audio files hold, see `scan_audio`.
        workers: threads that decode; by default a few more than there are cores.
        show_progressbar: whether to show one on a terminal.
        alphabet_advice: what to do about characters outside the alphabet, for the report.
        files: reads the corpus files.

    Raises:
        CorpusError: its text is the report. Files that cannot be read and files with no row left
            are errors under both policies.
    """
    examination = examine_corpus(
        {"train": train, "dev": dev, "test": test, "metrics": metrics, UNLABELLED: unlabelled},
        rules,
        files=files,
        scan=partial(
            scan_audio,
            cache_path=scan_cache_path,
            workers=workers,
            show_progressbar=show_progressbar,
        ),
    )
    sets, report, read = examination.sets, examination.report, examination.files
    if on_bad_row == "skip":
        _skip_rows(report, read, sets, skipped_rows_path, overwrite_skipped_rows)
    elif report.row_problems:
        report.advice = _advise(report, sets, alphabet_advice)
    if on_bad_row == "skip":  # the rows have been reported
        report = Report(report.file_problems)
    if report.file_problems or report.row_problems:
        raise CorpusError(str(report))
    warn_of_shared_audio(sets)
    warn_of_untaught_characters(sets)
    refuse_measured_audio(
        _clips_of(sets[UNLABELLED]),
        itertools.chain.from_iterable(_clips_of(sets[role]) for role in ("dev", "test", "metrics")),
    )
    return Corpus(**sets)


def _clips_of(sets: Sequence[ClipSet]) -> list[Clip]:
    return [clip for clip_set in sets for clip in clip_set.clips]


def _read_inputs(
    paths: Iterable[str], files: CorpusFiles, role: str, report: Report, scan: Scan
) -> list[_Input]:
    inputs = []
    for path in paths:
        try:
            file = files.rows(path, labelled=role != UNLABELLED)
        except CorpusError as error:
            report.add(str(error))
            continue
        if not file.rows:
            report.add(f"{path}: has a header, but no rows")
        lengths = _lengths_of(file, scan)
        if lengths:
            report.large_files[path] = len(file.rows)
            report.add(*lengths.problems)
        else:
            report.sources.update(row.source for row in file.rows)
        audio = [] if lengths else file.audio()
        inputs.append(_Input(file, audio, role in _MAY_BE_EMPTY, lengths))
    return inputs


def _lengths_of(file: RowFile, scan: Scan) -> Lengths | None:
    """Return how long the clips of a large file are; None for others, whose audio is all read."""
    if not isinstance(file.rows, Manifest):
        return None
    lengths = read_lengths(file, file.rows, scan)
    if lengths is None:
        _log.warning(
            "%s has %s but no durations: reading all audio first, and keeping rows in memory. Add "
            "a column `duration` in seconds to avoid that",
            file.path, counted(len(file.rows), "row"),
        )  # fmt: skip
    else:
        _log.info(
            "%s has %s: checked the audio of %s of them; the rest is checked when it is read. To "
            "check all audio now: python -m coqui_stt_training.check %s",
            file.path, f"{len(file.rows):,} rows", f"{len(lengths.found):,}", file.path,
        )  # fmt: skip
    return lengths


def _check_input(
    given: _Input,
    scans: Mapping[AudioReference, ScanResult],
    scan: Scan,
    rules: CorpusRules,
    report: Report,
    changes: ChangeCounts,
) -> ClipSet:
    if given.lengths and isinstance(given.file.rows, Manifest):
        return check_manifest(
            given.file, given.file.rows, given.lengths, scan, rules, given.may_be_empty, report,
            changes,
        )  # fmt: skip
    clips = []
    for number, (as_given, audio) in enumerate(zip(given.file.rows, given.audio, strict=True)):
        found = scans[audio]
        row, problems = check_row(as_given, found, rules, given.may_be_empty, changes)
        report.add_row(given.file.path, number, problems)
        if not problems and isinstance(found, AudioScan):
            size, seconds = _size(audio, found), found.duration_seconds
            clips.append(Clip(audio, row.transcript, row.source, size, seconds, found.peak_to_peak))
    return ClipSet(given.file.path, tuple(clips))


def _size(audio: AudioReference, scan: AudioScan) -> int:
    return scan.size_bytes if audio.size_bytes is None else audio.size_bytes


def _advise(report: Report, sets: Mapping[str, Sequence[ClipSet]], alphabet_advice: str) -> str:
    """Say what to do about bad rows: skip them only where every file keeps some."""
    lines = advise_on_characters(report, alphabet_advice)
    count = len(report.rows_to_mend)
    if not count:
        return "\n".join(lines)
    kind = "the other" if count < report.bad_row_count else "these"
    them = "this row" if report.bad_row_count == 1 else f"{kind} {counted(count, 'row')}"
    mended_files = {
        problem.source.rpartition(":")[0] for problem in report.row_problems if problem.mended
    }
    empty = dict.fromkeys(
        clips.path
        for clips in itertools.chain.from_iterable(sets.values())
        if not clips.clips and clips.path not in mended_files
    )
    if empty:
        lines.append(f"Correct {them}; skipping them would leave nothing of {', '.join(empty)}")
    else:
        lines.append(f"Correct {them}, or leave {them} out with: --on_bad_row skip")
    return "\n".join(lines)


def _skip_rows(
    report: Report,
    files: Sequence[RowFile],
    sets: Mapping[str, Sequence[ClipSet]],
    skipped_rows_path: Path | None,
    overwrite: bool,
) -> None:
    """List the rows left out, and see to it that no file is left without any."""
    if not report.row_problems:
        return
    listed = ""
    if skipped_rows_path:
        listed_in = write_skipped_rows(
            skipped_rows_path, files, report.row_problems, report.bad_rows, overwrite=overwrite
        )
        listed = f"; they are listed in {listed_in}"
    rows_are = (
        f"{counted(report.bad_row_count, 'row')} {'is' if report.bad_row_count == 1 else 'are'}"
    )
    report.advice = "\n".join(
        [*advise_on_characters(report), f"{rows_are} left out (--on_bad_row skip){listed}"]
    )
    _log.warning("%s", report)
    rows = {file.path: len(file.rows) for file in files}
    for clip_set in itertools.chain.from_iterable(sets.values()):
        if not clip_set.clips and rows[clip_set.path]:
            count = counted(rows[clip_set.path], "row")
            report.add(f"{clip_set.path}: none of its {count} can be used")
