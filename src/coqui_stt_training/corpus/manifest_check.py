"""Checks of large manifests: whole columns at once, and rows one by one only where these differ.

What is checked when: transcripts, their lengths, and the form of every row before the first step.
Of the audio, a sample is decoded then (`_SAMPLED` rows in even distances), all other when training
reads it: to open millions of files takes hours. So lengths come from a column: `duration` in
seconds, or the bounds of pieces, or `wav_filesize` where the sample shows that all audio has as
many bytes a second. A manifest that has none of these is checked as a small one is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stt.audio.reference import AudioReference
from stt.counted import counted

from .audio_scan import AudioScan, ScanResult
from .clip import Clip, ClipSet
from .clip_table import ClipTable
from .column_check import ColumnCheck
from .manifest import Manifest
from .normalization import ChangeCounts
from .report import Report
from .row_check import CorpusRules, check_row
from .rows import END_COLUMN, SIZE_COLUMN, START_COLUMN, RowFile

DURATION_COLUMNS = ("duration", "duration_seconds")

_SAMPLED = 1000
_SAME_SHARE, _SAME_SECONDS = 0.05, 0.1  # how far a column may be off: headers, rounding
_MOST_WRONG = 0.01  # of the lengths of a sample: some files are always mixed up
_SHOWN = 5
_MOST_BAD_ROWS = 200_000  # reports take memory, and nobody reads them

_log = logging.getLogger(__name__)

Seconds = NDArray[np.float64]
Scan = Callable[[Iterable[AudioReference]], Mapping[AudioReference, ScanResult]]


@dataclass(frozen=True)
class Lengths:
    """How long the clips of a manifest are.

    Attributes:
        seconds: of each row, float64 `[rows]`; NaN where its columns do not say.
        found: what the sampled rows hold, by number.
        problems: where columns and audio differ.
    """

    seconds: Seconds
    found: Mapping[int, ScanResult]
    problems: tuple[str, ...] = ()


def read_lengths(file: RowFile, manifest: Manifest, scan: Scan) -> Lengths | None:
    """Return how long all clips are, after a look at a sample; None where no column says."""
    count = len(manifest)
    numbers = sorted(set(np.linspace(0, count - 1, _SAMPLED).astype(int).tolist()))
    rows = {number: manifest[number] for number in numbers}
    audio = {n: file.audio_of(row) for n, row in rows.items() if not row.problem}
    scans = scan(list(audio.values()))
    found = {number: scans[one] for number, one in audio.items()}
    good = {n: one for n, one in found.items() if isinstance(one, AudioScan)}
    seconds = _numbers(manifest, DURATION_COLUMNS)
    what = "the column of durations"
    if np.isnan(seconds).all():
        seconds = _numbers(manifest, (END_COLUMN,))
        starts = _numbers(manifest, (START_COLUMN,))
        seconds -= np.where(np.isnan(starts), 0.0, starts)
        what = "the bounds"
    if np.isnan(seconds).all():
        seconds = _numbers(manifest, (SIZE_COLUMN,)) / (_bytes_a_second(manifest, good) or np.nan)
        what = "wav_filesize"
    if np.isnan(seconds).all():
        return None
    seconds[~(seconds > 0)] = np.nan
    wrong = [
        f"{rows[number].source}: {one.duration_seconds:.2f} s, and {what} says "
        f"{seconds[number]:.2f} s"
        for number, one in good.items()
        if abs(seconds[number] - one.duration_seconds)
        > max(_SAME_SECONDS, _SAME_SHARE * one.duration_seconds)
    ]
    if not wrong:
        return Lengths(seconds, found)
    shown = "; ".join(wrong[:_SHOWN])
    said = (
        f"{file.path}: lengths in it are wrong for {len(wrong)} of the "
        f"{counted(len(good), 'clip')} that were looked at; correct them, or take the column out: "
        f"{shown}"
    )
    if len(wrong) > _MOST_WRONG * len(good):
        return Lengths(seconds, found, (said,))
    _log.warning("%s", said)
    return Lengths(seconds, found)


def _bytes_a_second(manifest: Manifest, good: Mapping[int, AudioScan]) -> float | None:
    """Return how many bytes all audio has a second; None where that differs or is unknown."""
    rates = []
    for number, scan in good.items():
        size = manifest[number].size_bytes
        if size and scan.duration_seconds > _SAME_SECONDS:
            rates.append(size / scan.duration_seconds)
    if not rates:
        return None
    middle = float(np.median(rates))
    return middle if np.quantile(np.abs(np.array(rates) / middle - 1), 0.99) < _SAME_SHARE else None


def _numbers(manifest: Manifest, columns: tuple[str, ...]) -> Seconds:
    """Return the first of some columns that there is, as numbers; NaN where there are none."""
    import pyarrow as pa
    import pyarrow.compute

    column = next((name for name in columns if name in manifest.columns), None)
    if column is None:
        return np.full(len(manifest), np.nan)
    parts = [np.empty(0)]
    for batch in manifest.passed_over():
        given = pyarrow.compute.utf8_trim_whitespace(manifest.field(batch, column))
        plain = pyarrow.compute.match_substring_regex(given, r"^\d{1,15}(\.\d*)?([eE]-?\d)?$")
        given = pyarrow.compute.if_else(plain, given, pa.scalar(None, pa.string()))
        parts.append(given.cast(pa.float64()).to_numpy(zero_copy_only=False))
    return np.concatenate(parts)


def check_manifest(
    file: RowFile,
    manifest: Manifest,
    lengths: Lengths,
    scan: Scan,
    rules: CorpusRules,
    may_be_empty: bool,
    report: Report,
    changes: ChangeCounts,
) -> ClipSet:
    """Check the columns of a large file, and one by one the rows that may be bad."""
    rate_hz = rules.front_end.sample_rate_hz
    columns = ColumnCheck(rules.alphabet, rules.frames_of, rate_hz, may_be_empty)
    seconds, good = lengths.seconds, np.ones(len(manifest), np.bool_)
    bad_count = 0
    for number in _unsure_rows(columns, manifest, lengths).tolist():
        row = manifest[number]
        found = lengths.found.get(number)
        if np.isnan(seconds[number]):
            audio = file.audio_of(row)
            found = found or scan([audio])[audio]
            seconds[number] = getattr(found, "duration_seconds", np.nan)
        found = found or AudioScan(0, 0, rate_hz, int(seconds[number] * rate_hz), 1.0)
        row, problems = check_row(row, found, rules, may_be_empty, changes)
        report.add_row(file.path, number, problems)
        if problems:
            good[number] = False
            bad_count += 1
        if bad_count == _MOST_BAD_ROWS:
            report.add(
                f"{file.path}: {bad_count:,} of the rows up to line {row.line:,} cannot be "
                "used; the others were not looked at. Mend the file, as it is about all of it"
            )
            break

    def make(number: int, duration_seconds: float) -> Clip:
        row = manifest[number]
        text = (
            rules.normalizer(row.transcript).text if rules.normalize_transcripts else row.transcript
        )
        audio = file.audio_of(row)
        return Clip(audio, text, row.source, row.size_bytes, duration_seconds)

    def named(paths: Iterable[Path]) -> Iterator[Clip]:
        for number in manifest.rows_named(_names(paths, Path(file.path).parent)).tolist():
            if good[number]:
                yield make(number, float(seconds[number]))

    numbers = np.flatnonzero(good)
    return ClipSet(file.path, ClipTable(numbers, seconds[numbers], make, named))


def _names(paths: Iterable[Path], folder: Path) -> set[str]:
    """Return what a file in a folder may call audio files."""
    home = folder.absolute()
    found: set[str] = set()
    for path in paths:
        whole = path.absolute()
        found |= {str(path), str(whole)}
        if whole.is_relative_to(home):
            found.add(str(whole.relative_to(home)))
    return found


def _unsure_rows(columns: ColumnCheck, manifest: Manifest, lengths: Lengths) -> NDArray[np.int64]:
    """Return the numbers of the rows that are to be looked at one by one."""
    parts = [np.array(list(lengths.found), np.int64)]  # of which more is known than their columns
    for batch, start in zip(manifest.passed_over(), manifest.starts.tolist(), strict=False):
        seconds = lengths.seconds[start : start + batch.num_rows]
        parts.append(start + np.flatnonzero(columns.unsure(manifest, batch, seconds)))
    return np.unique(np.concatenate(parts))
