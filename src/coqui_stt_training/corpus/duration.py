"""About how much audio corpus files list, without decoding all of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean

from stt.audio.reference import AudioReference
from stt.counted import counted
from stt.durations import say_audio_length

from .audio_scan import AudioScan, scan_audio
from .files import CorpusFiles
from .rows import RowFile
from .shares import epoch_counts

_MOST_SCANNED = 500


@dataclass(frozen=True)
class Amount:
    """How much speech there is.

    Attributes:
        clips: how many.
        seconds: of all together.
        is_exact: whether all of them were looked at.
    """

    clips: int
    seconds: float
    is_exact: bool = True

    def __str__(self) -> str:
        about = "" if self.is_exact else "about "
        return f"{counted(self.clips, 'clip')}, {about}{say_audio_length(self.seconds)}"


def estimate_amount(paths: Iterable[str], files: CorpusFiles, limit: int = 0) -> Amount:
    """Return about how much audio an epoch has.

    Clips in even distances stand for all of them, five hundred in all; with no more than that, the
    sum is exact. Those that cannot be read count as the others; whoever checks the corpus tells.

    Args:
        paths: corpus files.
        files: reads them, and knows their shares of an epoch.
        limit: of how many clips at most; 0: of all.

    Raises:
        CorpusError: a corpus file cannot be read.
    """
    listed = [files.rows(path) for path in paths]
    sizes = [(file.path, len(file.rows)) for file in listed]
    total = sum(size for _, size in sizes)
    if not total:
        return Amount(0, 0.0)
    lengths = _sampled_seconds(listed, -(-total // _MOST_SCANNED))
    counts = epoch_counts(sizes, files.shares)
    found = list(chain.from_iterable(lengths))
    # A set too small beside the others for one of its clips to be looked at is like all together.
    means = [fmean(of_file or found or [0.0]) for of_file in lengths]
    seconds = sum(count * mean for count, mean in zip(counts, means, strict=True))
    in_epoch = sum(counts)
    count = min(in_epoch, limit) if limit else in_epoch
    is_exact = not files.shares and len(found) == count
    return Amount(count, seconds * count / in_epoch, is_exact)


def _sampled_seconds(listed: Sequence[RowFile], step: int) -> list[list[float]]:
    """Return, file by file, the lengths of every so many clips of all, of those that are read."""
    chosen: list[list[AudioReference]] = []
    passed = 0
    for file in listed:
        places = range(-passed % step, len(file.rows), step)
        chosen.append([file.audio_of(file.rows[place]) for place in places])
        passed += len(file.rows)
    scans = scan_audio(list(chain.from_iterable(chosen)))
    return [
        [found.duration_seconds for one in audio if isinstance(found := scans[one], AudioScan)]
        for audio in chosen
    ]
