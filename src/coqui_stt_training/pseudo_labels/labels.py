"""Decides which pseudo-labels are good enough to train on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from rapidfuzz.distance import Levenshtein

from stt.audio.reference import AudioReference

from ..errors import UserError
from .measured import MeasuredAudio
from .recordings import UnlabelledRecording
from .transcriber import ClipTranscript, RecordingTranscript

_LEAST_SECONDS = 1e-3  # in whole milliseconds, a clip of a few samples has no duration


class Reason(Enum):
    """Why a clip is left out, in words that follow a number of clips."""

    UNREADABLE = "cannot be read"
    MEASURED = "are among the dev or test files"
    REPEATED = "are duplicates"
    EMPTY = "with an empty transcript"
    LONG = "without a pause to cut at (--longest_clip)"
    RATE = (
        "with too many or too few characters per second (--min_characters_per_second, "
        "--max_characters_per_second)"
    )
    UNSURE = "with low confidence (--min_confidence)"
    DISPUTED = "in which the second model differs too much (--max_disagreement)"


@dataclass(frozen=True)
class PseudoLabel:
    """A clip, and a model's transcript of it.

    Attributes:
        recording: recording that the clip is, or is a piece of.
        audio: audio of the clip itself.
        seconds: duration of the clip.
        text: the transcript.
        confidence: confidence of the model, 0 to 1.
    """

    recording: UnlabelledRecording
    audio: AudioReference
    seconds: float
    text: str
    confidence: float


@dataclass(frozen=True)
class LeftOut:
    """A clip, or a recording without clips, that is left out of training, and why."""

    label: PseudoLabel
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Bounds:
    """Limits that a transcript must meet.

    Attributes:
        least_confidence: lowest confidence, 0 to 1.
        least_rate: lowest number of characters per second.
        most_rate: highest number of characters per second.
        longest_seconds: greatest duration of a clip.
    """

    least_confidence: float
    least_rate: float
    most_rate: float
    longest_seconds: float

    def against(self, label: PseudoLabel) -> tuple[Reason, str] | None:
        """Return the limit that a transcript fails, with a detail; None: it meets all."""
        if label.seconds > self.longest_seconds:
            return Reason.LONG, f"{label.seconds:.1f} s without a pause"
        if not label.text.strip():
            return Reason.EMPTY, "the transcript is empty"
        rate = len(label.text) / max(_LEAST_SECONDS, label.seconds)
        if not self.least_rate <= rate <= self.most_rate:
            return Reason.RATE, f"{rate:.1f} characters per second"
        if label.confidence < self.least_confidence:
            return Reason.UNSURE, f"a confidence of {label.confidence:.2f}"
        return None


def judge(
    recordings: Sequence[UnlabelledRecording],
    transcripts: Mapping[AudioReference, RecordingTranscript | UserError],
    measured: MeasuredAudio,
    bounds: Bounds,
) -> Iterator[PseudoLabel | LeftOut]:
    """Yield the pseudo-label of each clip, or the reason why it is left out.

    Args:
        recordings: recordings, in the order in which they are listed.
        transcripts: the model's transcript of each recording, or the error.
        measured: dev and test audio.
        bounds: limits that a transcript must meet.
    """
    seen: dict[str, UnlabelledRecording] = {}
    for recording in recordings:
        found = transcripts[recording.audio]
        whole = PseudoLabel(recording, recording.audio, 0.0, "", 0.0)
        if isinstance(found, UserError):
            yield LeftOut(whole, Reason.UNREADABLE, str(found))
            continue
        first = seen.setdefault(found.digest, recording)
        if first is not recording:
            yield LeftOut(whole, Reason.REPEATED, f"the same audio as {first.source}")
            continue
        if not found.passages:
            yield LeftOut(whole, Reason.EMPTY, "no speech detected")
        for label in labels_of(recording, found.passages):
            if place := measured.same_as(label.audio, found.digest):
                yield LeftOut(label, Reason.MEASURED, f"the same audio as {place}")
            elif against := bounds.against(label):
                yield LeftOut(label, *against)
            else:
                yield label


def labels_of(
    recording: UnlabelledRecording, passages: Sequence[ClipTranscript]
) -> Iterator[PseudoLabel]:
    """Yield the clips of a recording; a single clip that begins at 0 is the whole recording."""
    is_whole = len(passages) == 1 and passages[0].start_seconds == 0
    for part in passages:
        audio, seconds = recording.audio, part.end_seconds - part.start_seconds
        if not is_whole:
            begin = audio.start_seconds
            audio = replace(
                audio,
                start_seconds=round(begin + part.start_seconds, 3),
                end_seconds=round(begin + part.end_seconds, 3),
            )
        yield PseudoLabel(recording, audio, seconds, part.text, part.confidence)


def disputed(
    label: PseudoLabel, found: RecordingTranscript | UserError, most: float
) -> PseudoLabel | LeftOut:
    """Return a clip, or why it is left out: a second model's transcript differs too much.

    Args:
        label: the clip.
        found: the second model's transcript, or the error.
        most: greatest edit distance, as a share of the longer transcript's characters.
    """
    if isinstance(found, UserError):
        return LeftOut(label, Reason.UNREADABLE, str(found))
    text = " ".join(part.text for part in found.passages)
    share = Levenshtein.distance(label.text, text) / max(len(label.text), len(text))
    return LeftOut(label, Reason.DISPUTED, f"it transcribes {text!r}") if share > most else label
