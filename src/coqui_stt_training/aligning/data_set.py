"""Clips to train on, cut out of a long recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from stt.atomic_file import replacing
from stt.audio.mono import Source
from stt.audio.pcm import Pcm
from stt.audio.source import read_pcm_blocks

from ..corpus.csv_file import write_csv
from .alignment import AlignedUnit

_MARGIN_SECONDS = 0.2  # around a clip, where there is a pause
_LONGEST_PAUSE_SECONDS = 1.5  # within a clip
COLUMNS = (
    "wav_filename", "wav_filesize", "transcript", "score", "recording_start", "recording_end",
)  # fmt: skip


@dataclass(frozen=True)
class CutLimits:
    """How long clips may be, in seconds; shorter ones are joined where they follow each other."""

    shortest_seconds: float = 1.0
    longest_seconds: float = 15.0


@dataclass(frozen=True)
class Cut:
    """A clip to cut out: its times in the recording, what is said, and the score, 1 at best."""

    start_time: float
    end_time: float
    text: str
    score: float


def choose_cuts(units: Sequence[AlignedUnit], limits: CutLimits) -> list[Cut]:
    """Return clips of units that follow each other in the text and in time.

    They begin and end in pauses, by at most 0.2 s outside of the words.
    """
    groups: list[list[AlignedUnit]] = []
    for unit in units:
        last = groups[-1] if groups else None
        joins = (
            last is not None
            and unit.index == last[-1].index + 1
            and unit.start_time - last[-1].end_time <= _LONGEST_PAUSE_SECONDS
            and unit.end_time - last[0].start_time <= limits.longest_seconds
        )
        if joins and last is not None:
            last.append(unit)
        else:
            groups.append([unit])
    ends = [0.0, *(group[-1].end_time for group in groups)]
    starts = [*(group[0].start_time for group in groups), float("inf")]
    return [
        cut
        for number, group in enumerate(groups)
        for cut in [_cut(group, ends[number], starts[number + 1])]
        if limits.shortest_seconds <= cut.end_time - cut.start_time <= limits.longest_seconds + 1
    ]


def _cut(group: Sequence[AlignedUnit], before: float, after: float) -> Cut:
    start, end = group[0].start_time, group[-1].end_time
    labels = sum(len(unit.characters) for unit in group)
    cost = sum(unit.cost * len(unit.characters) for unit in group) / labels
    return Cut(
        round(start - min(_MARGIN_SECONDS, max(0.0, (start - before) / 2)), 3),
        round(end + min(_MARGIN_SECONDS, max(0.0, (after - end) / 2)), 3),
        " ".join(unit.text for unit in group),
        round(float(np.exp(-cost)), 4),
    )


def list_of(folder: Path, name: str) -> Path:
    """Return the CSV file of a recording's clips."""
    return folder / f"{name}.csv"


def write_data_set(
    folder: Path, name: str, source: Source, cuts: Sequence[Cut], sample_rate_hz: int
) -> Path:
    """Cut clips out of a recording, which is read once, in blocks; return the CSV file.

    Args:
        folder: for `NAME.csv` and the folder `NAME` with WAV files.
        name: of the recording.
        source: the recording.
        cuts: in order.
        sample_rate_hz: of the clips.

    Raises:
        AudioError: the recording cannot be read.
        CorpusError: the folder cannot be written to.
    """
    rows = []
    for number, (cut, samples) in enumerate(_cut_out(source, cuts, sample_rate_hz), 1):
        path = folder / name / f"{number:05d}.wav"
        with replacing(path) as partial:
            soundfile.write(partial, samples, sample_rate_hz, format="WAV", subtype="PCM_16")
        relative = str(path.relative_to(folder))
        times = (f"{cut.start_time:.3f}", f"{cut.end_time:.3f}")
        rows.append((relative, path.stat().st_size, cut.text, cut.score, *times))
    listed = list_of(folder, name)
    write_csv(listed, COLUMNS, rows)
    return listed


def _cut_out(source: Source, cuts: Sequence[Cut], sample_rate_hz: int) -> Iterator[tuple[Cut, Pcm]]:
    """Yield clips as the recording goes by; no more than a clip and a block is in memory."""
    upcoming = iter(cuts)
    cut = next(upcoming, None)
    kept, begin = np.zeros(0, np.int16), 0  # what has been read, from this sample on
    for block in read_pcm_blocks(source, sample_rate_hz):
        kept = np.concatenate([kept, block])
        while cut and round(cut.end_time * sample_rate_hz) <= begin + len(kept):
            yield cut, _between(kept, begin, cut, sample_rate_hz)
            cut = next(upcoming, None)
        if cut is None:
            return
        forgotten = min(len(kept), max(0, round(cut.start_time * sample_rate_hz) - begin))
        kept, begin = kept[forgotten:], begin + forgotten
    while cut:
        yield cut, _between(kept, begin, cut, sample_rate_hz)
        cut = next(upcoming, None)


def _between(kept: Pcm, begin: int, cut: Cut, sample_rate_hz: int) -> Pcm:
    start, end = (
        max(0, round(time * sample_rate_hz) - begin) for time in (cut.start_time, cut.end_time)
    )
    return kept[start:end]
