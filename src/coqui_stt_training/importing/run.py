"""The work of all importers: check every clip, write CSV files, and report what was left out.

What is known about decoded clips is stored in a folder beside the CSV files. So an import that was
interrupted, or is repeated with other flags, does not decode them again.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from stt.atomic_file import write_atomically
from stt.audio.encoding import encode_audio
from stt.audio.file import read_audio
from stt.audio.pcm import to_pcm
from stt.audio.reference import AudioReference
from stt.counted import counted
from stt.durations import say_audio_length

from ..cli.progress_bar import ProgressBar
from ..corpus.audio_scan import AudioScan, ScanResult, scan_audio
from ..corpus.csv_file import write_csv
from ..corpus.groups import part_rows
from ..corpus.row_check import SILENCE_PEAK_TO_PEAK
from ..corpus.rows import Row
from ..corpus.splits import set_size
from ..errors import AudioError, CorpusError
from .labels import ImportedLabel
from .layout import CorpusUtterance, Layout

_CLIPS_AT_ONCE = 2000
_FASTEST_LABELS = 50  # per second: a frame of 20 ms for each label, as in upstream's importers
_SHOWN_EXAMPLES = 3
_COLUMNS = ("wav_filename", "wav_filesize", "transcript", "duration", "speaker")
_PIECE_COLUMNS = ("start_seconds", "end_seconds")


@dataclass(frozen=True)
class ImportLimits:
    """Limits on the clips that are imported.

    Attributes:
        splits: names of the sets; (): the usual ones.
        shortest_seconds: minimum length of a clip.
        longest_seconds: maximum length of a clip.
        clips: maximum number of clips of each set; 0: all.
    """

    splits: tuple[str, ...] = ()
    shortest_seconds: float = 0.3
    longest_seconds: float = 30.0
    clips: int = 0


@dataclass(frozen=True)
class Dropped:
    """A clip that was left out: its source, the reason, details about it, and its text."""

    source: str
    reason: str
    named: str
    text: str


@dataclass(frozen=True)
class _Clip:
    utterance: CorpusUtterance
    text: str
    scan: AudioScan


@dataclass
class Outcome:
    """The result of an import.

    Attributes:
        written: number of clips and their total seconds, by CSV file.
        dropped: clips that were left out.
    """

    written: dict[Path, tuple[int, float]] = field(default_factory=dict)
    dropped: list[Dropped] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [
            f"{path}: {counted(count, 'clip')}, {say_audio_length(seconds)}"
            for path, (count, seconds) in self.written.items()
        ]
        reasons = Counter(one.reason for one in self.dropped)
        if reasons:
            lines.append(f"{counted(len(self.dropped), 'clip')} left out:")
        for reason, count in reasons.most_common():
            examples = [one.named for one in self.dropped if one.reason == reason and one.named]
            shown = ", ".join(list(dict.fromkeys(examples))[:_SHOWN_EXAMPLES])
            lines.append(f"  {count:,} {reason}" + (f": {shown}" if shown else ""))
        return "\n".join(lines)


def read_utterances(layout: Layout, folder: Path, limits: ImportLimits) -> list[CorpusUtterance]:
    """Return the utterances of the requested sets; a corpus without sets is split here.

    Raises:
        CorpusError: the folder does not contain the corpus or these sets.
    """
    found = list(layout.utterances(folder))
    if not any(one.split for one in found):
        found = _parted(found)
    known = dict.fromkeys(one.split for one in found)
    usual = [split for split in layout.usual if split in known] or list(known)
    wanted = tuple(dict.fromkeys(limits.splits)) or tuple(usual)
    if missing := [split for split in wanted if split not in known]:
        raise CorpusError(
            f"{folder}: no set {' and no set '.join(missing)}; there are {', '.join(known)}"
        )
    chosen = [one for split in wanted for one in found if one.split == split]
    if limits.clips:
        counts: Counter[str] = Counter()
        chosen = [one for one in chosen if _counted_up(counts, one.split) <= limits.clips]
    return chosen


def _counted_up(counts: Counter[str], name: str) -> int:
    counts[name] += 1
    return counts[name]


def _parted(utterances: Sequence[CorpusUtterance]) -> list[CorpusUtterance]:
    """Split utterances into train, dev and test sets: if possible, no speaker or text in two."""
    rows = [
        Row(one.source, 0, (), str(one.audio), one.text, None, speaker=one.speaker)
        for one in utterances
    ]
    if len(rows) < 3:
        return [replace(one, split="train") for one in utterances]
    names = [one.audio.path.name for one in utterances]
    parts = part_rows(rows, set_size(len(rows)), _place, names)
    splits = dict.fromkeys(parts.train, "train")
    splits |= dict.fromkeys(parts.dev, "dev") | dict.fromkeys(parts.test, "test")
    return [replace(one, split=splits[number]) for number, one in enumerate(utterances)]


def _place(name: str) -> bytes:
    return hashlib.sha256(name.encode(errors="surrogatepass")).digest()


def import_utterances(
    utterances: Sequence[CorpusUtterance],
    out: Path,
    name: str,
    limits: ImportLimits,
    make_label: Callable[[str], ImportedLabel],
    *,
    wav_rate_hz: int = 0,
    workers: int | None = None,
    show_progressbar: bool = False,
) -> Outcome:
    """Check clips, and write a CSV file for each set, and one with the clips that were left out.

    Args:
        utterances: the clips.
        out: folder for the files.
        name: name of the importer.
        limits: limits on the clips.
        make_label: makes a transcript from a text.
        wav_rate_hz: sample rate of WAV files to write; 0: write none, and use the recordings.
        workers: number of threads; None: a few more than there are cores.
        show_progressbar: whether to show a progress bar on a terminal.

    Raises:
        CorpusError: the folder cannot be written to, or no clip can be used.
    """
    outcome = Outcome()
    spoken = list(_labelled(utterances, make_label, outcome.dropped))
    work = out / f".import-{name}"
    clips: list[_Clip] = []
    bar = ProgressBar("Importing", len(spoken), show_progressbar, unit="clip")
    with bar, ThreadPoolExecutor(workers) as pool:
        for number, at in enumerate(range(0, len(spoken), _CLIPS_AT_ONCE)):
            some = spoken[at : at + _CLIPS_AT_ONCE]
            scans = scan_audio(
                [one.audio for one, _ in some],
                cache_path=work / f"{number:06d}.json",
                workers=workers,
            )
            good = list(_sound(some, scans, limits, outcome.dropped))
            if wav_rate_hz:
                good = list(pool.map(lambda one: _as_wav(one, out / name, wav_rate_hz), good))
            clips += good
            bar.advance(len(some), amount=len(some))
    if not clips:
        raise CorpusError(f"not one of {counted(len(utterances), 'clip')} can be used:\n{outcome}")
    _write(clips, out, outcome)
    return outcome


def _labelled(
    utterances: Iterable[CorpusUtterance],
    make_label: Callable[[str], ImportedLabel],
    dropped: list[Dropped],
) -> Iterator[tuple[CorpusUtterance, str]]:
    for one in utterances:
        label = ImportedLabel(one.text, one.dropped) if one.dropped else make_label(one.text)
        if label.dropped:
            dropped.append(Dropped(one.source, label.dropped, label.named, one.text))
        else:
            yield one, label.text


def _sound(
    spoken: Iterable[tuple[CorpusUtterance, str]],
    scans: dict[AudioReference, ScanResult],
    limits: ImportLimits,
    dropped: list[Dropped],
) -> Iterator[_Clip]:
    for one, text in spoken:
        scan = scans[one.audio]
        if isinstance(scan, AudioError):
            dropped.append(Dropped(one.source, "cannot be read", str(scan), text))
            continue
        seconds = scan.duration_seconds
        reason = ""
        if scan.peak_to_peak < SILENCE_PEAK_TO_PEAK:
            reason = "are silent"
        elif seconds < limits.shortest_seconds:
            reason = f"are shorter than {limits.shortest_seconds:g} s"
        elif seconds > limits.longest_seconds:
            reason = f"are longer than {limits.longest_seconds:g} s"
        elif len(text) > seconds * _FASTEST_LABELS:
            reason = "are too short for their transcripts"
        if reason:
            dropped.append(Dropped(one.source, reason, f"{one.audio}, {seconds:.2f} s", text))
        else:
            yield _Clip(one, text, scan)


def _as_wav(clip: _Clip, folder: Path, rate_hz: int) -> _Clip:
    """Write a clip as WAV, unless there is one and the recording has not changed since."""
    audio = clip.utterance.audio
    known = f"{audio.key} {clip.scan.size_bytes} {clip.scan.modified_ns} {rate_hz}"
    digest = hashlib.sha256(known.encode(errors="surrogatepass")).hexdigest()[:12]
    target = folder / clip.utterance.split / f"{audio.path.stem}-{digest}.wav"
    if not target.exists():
        pcm = to_pcm(read_audio(audio, rate_hz))
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, encode_audio(pcm, rate_hz, "wav", None))
    size = target.stat().st_size
    scan = replace(clip.scan, size_bytes=size)
    return _Clip(replace(clip.utterance, audio=AudioReference(target)), clip.text, scan)


def _write(clips: Iterable[_Clip], out: Path, outcome: Outcome) -> None:
    sets: dict[str, list[_Clip]] = defaultdict(list)
    for clip in clips:
        sets[clip.utterance.split].append(clip)
    for split, members in sets.items():
        path = out / f"{split}.csv"
        pieces = any(one.utterance.audio.is_piece for one in members)
        columns = (*_COLUMNS, *(_PIECE_COLUMNS if pieces else ()))
        write_csv(path, columns, [_row(one, out, pieces) for one in members])
        seconds = sum(one.scan.duration_seconds for one in members)
        outcome.written[path] = (len(members), seconds)
    left_out = out / "left_out.csv"
    left_out.unlink(missing_ok=True)  # that of an earlier import
    if outcome.dropped:
        rows = [(one.source, one.reason, one.named, one.text) for one in outcome.dropped]
        write_csv(left_out, ("source", "reason", "found", "text"), rows)


def _row(clip: _Clip, out: Path, pieces: bool) -> tuple[object, ...]:
    audio = clip.utterance.audio
    path = audio.path.absolute()
    home = out.absolute()
    name = os.path.relpath(path, home) if path.is_relative_to(home) else str(path)
    end = audio.end_seconds
    bounds = (repr(audio.start_seconds), "" if end is None else repr(end)) if pieces else ()
    return (
        name, clip.scan.size_bytes, clip.text, f"{clip.scan.duration_seconds:.3f}",
        clip.utterance.speaker, *bounds,
    )  # fmt: skip
