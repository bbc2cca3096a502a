"""Clips: recordings that have been checked, with what is said in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stt.audio.reference import AudioReference


@dataclass(frozen=True)
class Clip:
    """One recording and its transcript.

    Attributes:
        audio: reference to the recording.
        transcript: what is said, in Unicode normal form C.
        source: file and line that list it, for messages: `train.csv:17`.
        size_bytes: size of the audio as it is stored; None if unknown.
        duration_seconds: length of the audio.
        peak_to_peak: largest minus smallest sample, full scale is 2; None if not decoded yet.
    """

    audio: AudioReference
    transcript: str
    source: str
    size_bytes: int | None
    duration_seconds: float
    peak_to_peak: float | None = None


@dataclass(frozen=True)
class ClipSet:
    """The clips of one input file, in its order.

    Attributes:
        path: the file as the user named it.
        clips: those that can be trained on or evaluated; a tuple, unless they are very many.
    """

    path: str
    clips: Sequence[Clip]


@dataclass(frozen=True)
class Corpus:
    """All sets of a run, one `ClipSet` for each input file.

    Attributes:
        train: `--train_files`.
        dev: `--dev_files`.
        test: `--test_files`; references may be empty there.
        metrics: `--metrics_files`.
        unlabelled: `--unlabelled_files`; without transcripts.
    """

    train: tuple[ClipSet, ...] = ()
    dev: tuple[ClipSet, ...] = ()
    test: tuple[ClipSet, ...] = ()
    metrics: tuple[ClipSet, ...] = ()
    unlabelled: tuple[ClipSet, ...] = ()
