"""Writes the pseudo-labels as a training set, the clips left out, and a summary of both."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from stt.counted import counted, first_lines
from stt.durations import say_audio_length

from ..corpus.csv_file import write_csv
from ..corpus.rows import Entry, rows_of_entries
from .labels import LeftOut, PseudoLabel, Reason

_NAMED = 10


def write_labels(
    out: Path,
    labels: Sequence[PseudoLabel],
    further: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Write the set: the usual columns of a CSV file, and a column `confidence`.

    Args:
        out: the file.
        labels: the clips.
        further: values of further columns, by name.

    Raises:
        CorpusError: the file cannot be written.
    """
    entries = [
        Entry(label.recording.source, 0, label.text, label.audio, speaker=label.recording.speaker)
        for label in labels
    ]
    file = rows_of_entries(str(out), out.parent.absolute(), entries)
    columns = {"confidence": [f"{label.confidence:.4f}" for label in labels], **further}
    rows = [
        (*row.fields, *more)
        for row, more in zip(file.rows, zip(*columns.values(), strict=True), strict=True)
    ]
    write_csv(out, (*file.columns, *columns), rows)


def write_left_out(path: Path, left_out: Sequence[LeftOut]) -> None:
    """Write the clips that were left out, with the reasons.

    Raises:
        CorpusError: the file cannot be written.
    """
    columns = ("audio", "listed", "transcript", "confidence", "reason")
    rows = [
        (str(one.label.audio), one.label.recording.source, one.label.text,
         f"{one.label.confidence:.4f}", one.detail)
        for one in left_out
    ]  # fmt: skip
    write_csv(path, columns, rows)


def summary(
    out: Path, list_of_left_out: Path, labels: Sequence[PseudoLabel], left_out: Sequence[LeftOut]
) -> Iterator[str]:
    """Yield the lines of the summary."""
    every = len(labels) + len(left_out)
    seconds = sum(label.seconds for label in labels)
    sure = statistics.median(label.confidence for label in labels) if labels else 0.0
    yield (
        f"Kept {len(labels)} of {counted(every, 'clip')}, {say_audio_length(seconds)}, with a "
        f"median confidence of {sure:.2f}: {out}"
    )
    reasons = Counter(one.reason for one in left_out)
    for reason in Reason:
        if reasons[reason]:
            yield f"  left out: {reasons[reason]} {reason.value}"
    measured = [
        f"{one.label.audio}: {one.detail}" for one in left_out if one.reason is Reason.MEASURED
    ]
    yield from (f"    {line}" for line in first_lines(measured, _NAMED))
    if left_out:
        yield f"  all clips left out, with reasons: {list_of_left_out}"
