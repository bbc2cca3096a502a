"""One look at every audio file before training: can it be decoded, how long is it, is it silent?

Decoding is what training will do anyway, so nothing that passes here fails an epoch later. What was
found is remembered by size and time of change, so that a second run over the same files is quick.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from stt.atomic_file import write_atomically
from stt.audio.file import summarise_audio
from stt.audio.reference import AudioReference

from ..cli.progress_bar import ProgressBar
from ..errors import AudioError, CorpusError

MISSING = "no such file"  # how a message on audio that is not there ends

_CACHE_VERSION = 2  # 2: nothing is far above full scale
_FILES_PER_TASK = 32
_LEAST_DECODED = 0.9  # of what the header says, which for MP3 is an estimate


@dataclass(frozen=True)
class AudioScan:
    """What one recording, or a piece of one, holds.

    Attributes:
        size_bytes: of the file, or of the archive it is in.
        modified_ns: time of its last change, nanoseconds since 1970.
        sample_rate_hz: its own, before resampling.
        sample_count: of one channel, decoded.
        peak_to_peak: of the mean of its channels, full scale being 2.
    """

    size_bytes: int
    modified_ns: int
    sample_rate_hz: int
    sample_count: int
    peak_to_peak: float

    @property
    def duration_seconds(self) -> float:
        """Length of the audio."""
        return self.sample_count / self.sample_rate_hz

    def sample_count_at(self, sample_rate_hz: int) -> int:
        """Return the number of samples after resampling, as soxr rounds it."""
        return int(self.sample_count * sample_rate_hz / self.sample_rate_hz + 0.5)


ScanResult = AudioScan | AudioError


class _OfFile(Protocol):
    """What was found out about a file, and about which state of it."""

    @property
    def size_bytes(self) -> int: ...
    @property
    def modified_ns(self) -> int: ...


Found = TypeVar("Found", bound=_OfFile)


def scan_audio(
    references: Iterable[AudioReference],
    *,
    cache_path: Path | None = None,
    workers: int | None = None,
    show_progressbar: bool = False,
) -> dict[AudioReference, ScanResult]:
    """Decode audio in a thread pool, each once.

    Args:
        references: where it is; the result has the same keys.
        cache_path: a JSON file of earlier results, which is read and brought up to date.
        workers: threads; by default a few more than there are cores.
        show_progressbar: whether to show one on a terminal.

    Returns:
        What each file holds, or the error that says why it cannot be used.

    Raises:
        CorpusError: the cache cannot be written.
    """
    unique = list(dict.fromkeys(references))
    known = _read_cache(cache_path) if cache_path else {}
    tasks = [unique[i : i + _FILES_PER_TASK] for i in range(0, len(unique), _FILES_PER_TASK)]
    bar = ProgressBar("Checking audio", len(unique), show_progressbar, unit="clip")

    def scan_files(task: Sequence[AudioReference]) -> list[ScanResult]:
        return [look_at(audio, known.get(audio.key), partial(_decode, audio)) for audio in task]

    results: dict[AudioReference, ScanResult] = {}
    with bar, ThreadPoolExecutor(workers) as pool:
        for task, found in zip(tasks, pool.map(scan_files, tasks), strict=True):
            results.update(zip(task, found, strict=True))
            bar.advance(len(task), amount=len(task))
    if cache_path:
        _write_cache(cache_path, known, results)
    return results


def look_at(
    audio: AudioReference, known: Found | None, decode: Callable[[os.stat_result], Found]
) -> Found | AudioError:
    """Return what audio holds, or the error that says why it cannot be used.

    Args:
        audio: where it is.
        known: what it held once; as good as new where its file has not changed.
        decode: finds out what it holds, given what the system says of its file.
    """
    try:
        status = audio.path.stat()
        if not stat.S_ISREG(status.st_mode):
            return AudioError(f"{audio}: not a regular file")
        if known and (known.size_bytes, known.modified_ns) == (status.st_size, status.st_mtime_ns):
            return known
        return decode(status)
    except FileNotFoundError:
        return AudioError(f"{audio}: {MISSING}")
    except AudioError as error:
        return error
    except (OSError, ValueError) as error:
        return AudioError(f"{str(audio)!r}: {getattr(error, 'strerror', None) or error}")
    except MemoryError:
        return AudioError(f"{audio}: too long to hold in memory; cut it into utterances")


def check_whole(
    audio: AudioReference, sample_rate_hz: int, sample_count: int, announced: int | None
) -> None:
    """See that audio was decoded to its end.

    Args:
        audio: where it is.
        sample_rate_hz: its own.
        sample_count: of one channel, decoded.
        announced: the same as the header says it; None where it does not.

    Raises:
        AudioError: much of it is missing.
    """
    seconds = sample_count / sample_rate_hz
    if sample_count < _LEAST_DECODED * _wanted_samples(audio, sample_rate_hz):
        raise AudioError(
            f"{audio}: the recording ends before; only {seconds:.2f} s of that are there"
        )
    if announced and sample_count < _LEAST_DECODED * announced:
        raise AudioError(
            f"{audio}: cut off; its header says {announced / sample_rate_hz:.2f} s, but only "
            f"{seconds:.2f} s can be decoded"
        )


def _decode(audio: AudioReference, status: os.stat_result) -> AudioScan:
    found = summarise_audio(audio)
    check_whole(audio, found.sample_rate_hz, found.sample_count, found.header_sample_count)
    return AudioScan(
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        sample_rate_hz=found.sample_rate_hz,
        sample_count=found.sample_count,
        peak_to_peak=found.peak_to_peak,
    )


def _wanted_samples(audio: AudioReference, sample_rate_hz: int) -> float:
    """Return how many samples a piece of a recording has; 0 where only its file knows."""
    if audio.end_seconds is None:
        return 0.0
    return (audio.end_seconds - audio.start_seconds) * sample_rate_hz


def _read_cache(path: Path) -> dict[str, AudioScan]:
    """Return what is remembered; a cache that is missing, old or broken remembers nothing."""
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != _CACHE_VERSION:
            return {}
        return {name: _parse_entry(entry) for name, entry in content["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _parse_entry(entry: Sequence[int | float]) -> AudioScan:
    *whole, peak_to_peak = entry
    size_bytes, modified_ns, sample_rate_hz, sample_count = map(int, whole)
    scan = AudioScan(size_bytes, modified_ns, sample_rate_hz, sample_count, float(peak_to_peak))
    if scan.sample_rate_hz <= 0 or scan.sample_count <= 0:
        raise ValueError("an entry that no audio file gives")
    return scan


def _write_cache(
    path: Path, known: Mapping[str, AudioScan], results: Mapping[AudioReference, ScanResult]
) -> None:
    """Remember good files, old and new; bad ones are few, and are looked at again."""
    fresh = {audio.key: scan for audio, scan in results.items() if isinstance(scan, AudioScan)}
    if all(known.get(name) == scan for name, scan in fresh.items()):
        return
    entries = {
        name: [
            scan.size_bytes,
            scan.modified_ns,
            scan.sample_rate_hz,
            scan.sample_count,
            scan.peak_to_peak,
        ]
        for name, scan in {**known, **fresh}.items()
    }
    try:
        write_atomically(path, json.dumps({"version": _CACHE_VERSION, "files": entries}))
    except OSError as error:
        raise CorpusError(f"{path}: cannot be written ({error.strerror or error})") from None
