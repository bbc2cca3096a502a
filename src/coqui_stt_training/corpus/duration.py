"""About how much audio corpus files list, without decoding all of it."""

from __future__ import annotations

from collections.abc import Iterable

from stt.audio.reference import AudioReference

from .audio_scan import AudioScan, scan_audio
from .files import CorpusFiles

_MOST_SCANNED = 100


def estimate_duration(paths: Iterable[str], files: CorpusFiles, limit: int = 0) -> float:
    """Return about how many seconds of audio there are.

    Clips in even distances stand for all of them, a hundred in all; with no more than that, the
    sum is exact. Those that cannot be read count as the others; whoever checks the corpus tells.

    Args:
        paths: corpus files.
        files: reads them.
        limit: of how many clips at most; 0: of all.

    Raises:
        CorpusError: a corpus file cannot be read.
    """
    audio: list[AudioReference] = []
    for path in paths:
        audio += files.rows(path).audio()
    if not audio:
        return 0.0
    chosen = audio[:: -(-len(audio) // _MOST_SCANNED)]
    scans = scan_audio(chosen)
    found = [
        scan.duration_seconds
        for scan in (scans[one] for one in chosen)
        if isinstance(scan, AudioScan)
    ]
    count = min(len(audio), limit) if limit else len(audio)
    return count * sum(found) / len(found) if found else 0.0
