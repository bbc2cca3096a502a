"""What a recording sounds like, in numbers: loudness, clipping, noise, silence at its ends."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any

import numpy as np

from stt.audio.bounds import LONGEST_UTTERANCE_SECONDS
from stt.audio.mono import Samples, open_mono
from stt.audio.reference import AudioReference

from ..cli.progress_bar import ProgressBar
from ..corpus.audio_scan import AudioScan, ScanResult, check_whole, look_at
from ..errors import AudioError
from .results_file import ResultsFile

KIND = "coqui-stt check: audio facts 2"  # 2: none is far above full scale
FRAME_SECONDS = 0.01
FLOOR_DBFS = -100.0  # of digital silence

_CLIPPED_RUN = 3  # equal samples at the peak that no sound has
_NEAR_FULL_SCALE = 0.98
_SPEECH_PERCENTILE, _NOISE_PERCENTILE = 95, 10
_CLIPS_PER_TASK = 16
_TASKS_AHEAD = 8


@dataclass(frozen=True)
class AudioFacts:
    """What a recording holds.

    Attributes:
        size_bytes: of the file, or of the archive it is in.
        modified_ns: time of its last change, nanoseconds since 1970.
        sample_rate_hz: its own.
        sample_count: of one channel.
        peak_to_peak: of the mean of its channels, full scale being 2.
        peak_dbfs: of the loudest sample, decibels below full scale.
        speech_dbfs: of the loud frames (the 95th percentile).
        noise_dbfs: of the soft frames (the 10th percentile).
        clipped_share: share of the samples in runs at the peak, where that is near full scale.
        leading_silence_seconds: before the first frame that is loud enough for speech.
        trailing_silence_seconds: behind the last.
        digest: 16 hexadecimal digits of the samples, equal for equal sound in any lossless file.
    """

    size_bytes: int
    modified_ns: int
    sample_rate_hz: int
    sample_count: int
    peak_to_peak: float
    peak_dbfs: float
    speech_dbfs: float
    noise_dbfs: float
    clipped_share: float
    leading_silence_seconds: float
    trailing_silence_seconds: float
    digest: str

    @property
    def duration_seconds(self) -> float:
        """Length of the audio."""
        return self.sample_count / self.sample_rate_hz

    def scan(self) -> AudioScan:
        """Return what validation asks for."""
        return AudioScan(
            self.size_bytes,
            self.modified_ns,
            self.sample_rate_hz,
            self.sample_count,
            self.peak_to_peak,
        )


FactsResult = AudioFacts | AudioError


def measure_audio(
    references: Iterable[AudioReference],
    results: ResultsFile,
    *,
    workers: int | None = None,
    show_progressbar: bool = False,
) -> dict[AudioReference, FactsResult]:
    """Decode audio in a thread pool, each once; of a recording only numbers stay in memory.

    Args:
        references: where it is.
        results: what is known from earlier runs, and what is found.
        workers: threads; by default a few more than there are cores.
        show_progressbar: whether to show one on a terminal.

    Returns:
        What each holds, or the error that says why it cannot be used.
    """
    unique = list(dict.fromkeys(references))
    tasks = [unique[i : i + _CLIPS_PER_TASK] for i in range(0, len(unique), _CLIPS_PER_TASK)]
    measured: dict[AudioReference, FactsResult] = {}

    def measure(task: Sequence[AudioReference]) -> list[tuple[FactsResult, bool]]:
        return [_measure_one(audio, results.get(audio.key)) for audio in task]

    bar = ProgressBar("Measuring audio", len(unique), show_progressbar, unit="clip")
    with bar, ThreadPoolExecutor(workers) as pool:
        for task, found in _in_order(pool, measure, tasks):
            for audio, (facts, is_new) in zip(task, found, strict=True):
                measured[audio] = facts
                if is_new and isinstance(facts, AudioFacts):
                    results.add(audio.key, astuple(facts))
            results.flush()
            bar.advance(len(task), amount=len(task))
    return measured


def _in_order(pool: ThreadPoolExecutor, work: Any, tasks: Sequence[Any]) -> Iterator[Any]:
    """Yield tasks and their results in order, a bounded number of them ahead."""
    futures: dict[int, Future[Any]] = {}
    upcoming = iter(enumerate(tasks))
    for index, task in enumerate(tasks):
        for ahead, other in itertools.islice(upcoming, _TASKS_AHEAD - len(futures)):
            futures[ahead] = pool.submit(work, other)
        yield task, futures.pop(index).result()


def scans_of(measured: Mapping[AudioReference, FactsResult]) -> dict[AudioReference, ScanResult]:
    """Return what validation asks for, of each recording."""
    return {
        audio: facts.scan() if isinstance(facts, AudioFacts) else facts
        for audio, facts in measured.items()
    }


def _measure_one(audio: AudioReference, known: list[Any] | None) -> tuple[FactsResult, bool]:
    """Return what a recording holds, and whether it was looked at for that."""
    remembered = _restore(known)
    found = look_at(audio, remembered, partial(_decode, audio))
    return found, found is not remembered


def _restore(values: list[Any] | None) -> AudioFacts | None:
    if not values or len(values) != len(AudioFacts.__dataclass_fields__):
        return None
    numbers = values[:-1]
    if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
        return None
    facts = AudioFacts(*values)
    return facts if facts.sample_rate_hz > 0 and facts.sample_count > 0 else None


def _decode(audio: AudioReference, status: os.stat_result) -> AudioFacts:
    digest = hashlib.blake2b(digest_size=8)
    powers: list[Samples] = []
    rest = np.zeros(0, np.float32)
    count, lowest, highest = 0, math.inf, -math.inf
    clipped = 0
    with open_mono(audio, longest_seconds=LONGEST_UTTERANCE_SECONDS) as sound:
        frame = max(1, round(FRAME_SECONDS * sound.sample_rate_hz))
        for block in filter(len, sound.blocks):
            count += len(block)
            lowest, highest = min(lowest, float(block.min())), max(highest, float(block.max()))
            clipped += _clipped_samples(block)
            digest.update(np.rint(block.clip(-1, 1) * 32767).astype("<i2").tobytes())
            rest = np.concatenate([rest, block])
            whole = len(rest) // frame * frame
            powers.append(np.square(rest[:whole]).reshape(-1, frame).mean(axis=1))
            rest = rest[whole:]
        rate_hz, announced = sound.sample_rate_hz, sound.sample_count
    if not count:
        raise AudioError(f"{audio}: contains no samples")
    check_whole(audio, rate_hz, count, announced)
    if len(rest):
        powers.append(np.square(rest).mean(keepdims=True))
    levels = _dbfs(np.concatenate(powers))
    speech, noise = np.percentile(levels, [_SPEECH_PERCENTILE, _NOISE_PERCENTILE])
    leading, trailing = _silence_at_ends(levels, float(speech), float(noise))
    peak = max(abs(lowest), abs(highest))
    return AudioFacts(
        size_bytes=status.st_size,
        modified_ns=status.st_mtime_ns,
        sample_rate_hz=rate_hz,
        sample_count=count,
        peak_to_peak=highest - lowest,
        peak_dbfs=round(20 * math.log10(max(peak, 1e-5)), 2),
        speech_dbfs=round(float(speech), 2),
        noise_dbfs=round(float(noise), 2),
        clipped_share=round(clipped / count, 6),
        leading_silence_seconds=round(leading * FRAME_SECONDS, 2),
        trailing_silence_seconds=round(trailing * FRAME_SECONDS, 2),
        digest=digest.hexdigest(),
    )


def _dbfs(powers: Samples) -> Samples:
    levels: Samples = np.maximum(10 * np.log10(np.maximum(powers, 1e-10)), FLOOR_DBFS)
    return levels


def _clipped_samples(block: Samples) -> int:
    """Return how many samples stand in runs of equal ones at the top or bottom."""
    peak = np.abs(block).max()
    if peak < _NEAR_FULL_SCALE:
        return 0
    at_peak = np.abs(block) >= peak * 0.9999
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at_peak, [False]]).astype(np.int8)))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= _CLIPPED_RUN].sum())


def _silence_at_ends(levels: Samples, speech: float, noise: float) -> tuple[int, int]:
    """Return how many frames at both ends are too soft for speech."""
    threshold = speech - min(max(0.75 * (speech - noise), 20.0), 40.0)
    loud = np.flatnonzero(levels > threshold)
    if not len(loud):
        return 0, 0
    return int(loud[0]), int(len(levels) - 1 - loud[-1])
