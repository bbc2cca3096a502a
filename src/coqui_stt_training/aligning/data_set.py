"""A data set of clips that are cut out of a long recording."""

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

_MARGIN_SECONDS = 0.2  # added before and after a clip, if the pause there is long enough
_LONGEST_PAUSE_SECONDS = 1.5  # longest pause within a clip
COLUMNS = (
    "wav_filename", "wav_filesize", "transcript", "score", "recording_start", "recording_end",
)  # fmt: skip


@dataclass(frozen=True)
class CutLimits:
    """Limits for the duration of clips; consecutive units are joined up to the longest."""

    shortest_seconds: float = 1.0
    longest_seconds: float = 15.0


@dataclass(frozen=True)
class Cut:
    """A clip to cut out: its times in the recording, its transcript, and its score, at best 1."""

    start_time: float
    end_time: float
    text: str
    score: float


def choose_cuts(units: Sequence[AlignedUnit], limits: CutLimits) -> list[Cut]:
    """Join units that are consecutive in the text and in time to clips.

    Each clip gets a margin of at most 0.2 s, and at most half the pause, on each side. Clips
    outside the limits are left out.
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
    """Return the path of the CSV file for the clips of a recording."""
    return folder / f"{name}.csv"


def write_data_set(
    folder: Path, name: str, source: Source, cuts: Sequence[Cut], sample_rate_hz: int
) -> Path:
    """Cut clips out of a recording, which is read once, in blocks. Return the CSV file's path.

    Args:
        folder: folder for `NAME.csv` and for the folder `NAME` with WAV files.
        name: name of the recording.
        source: audio of the recording.
        cuts: clips to cut out, in order.
        sample_rate_hz: sample rate of the clips.

    Raises:
        AudioError: the recording cannot be read.
        CorpusError: the CSV file cannot be written.
        OSError: a WAV file cannot be written.
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
    """Yield clips while reading the recording; only a clip and a block are in memory."""
    upcoming = iter(cuts)
    cut = next(upcoming, None)
    kept, begin = np.zeros(0, np.int16), 0  # the samples in memory, and the index of the first
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
