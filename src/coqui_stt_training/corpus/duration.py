"""About how much audio corpus files list, without decoding all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stt.audio.reference import AudioReference
from stt.counted import counted
from stt.durations import say_audio_length

from .audio_scan import AudioScan, scan_audio
from .files import CorpusFiles

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
    """Return about how much audio there is.

    Clips in even distances stand for all of them, five hundred in all; with no more than that, the
    sum is exact. Those that cannot be read count as the others; whoever checks the corpus tells.

    Args:
        paths: corpus files.
        files: reads them.
        limit: of how many clips at most; 0: of all.

    Raises:
        CorpusError: a corpus file cannot be read.
    """
    listed = [files.rows(path) for path in paths]
    total = sum(len(file.rows) for file in listed)
    if not total:
        return Amount(0, 0.0)
    step = -(-total // _MOST_SCANNED)
    chosen: list[AudioReference] = []
    passed = 0
    for file in listed:
        places = range(-passed % step, len(file.rows), step)
        chosen += [file.audio_of(file.rows[place]) for place in places]
        passed += len(file.rows)
    scans = scan_audio(chosen)
    found = [
        scan.duration_seconds
        for scan in (scans[one] for one in chosen)
        if isinstance(scan, AudioScan)
    ]
    count = min(total, limit) if limit else total
    seconds = count * sum(found) / len(found) if found else 0.0
    return Amount(count, seconds, is_exact=len(found) == count)
