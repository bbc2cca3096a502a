"""Which of the transcripts that a model wrote are good enough to train on."""

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

_LEAST_SECONDS = 1e-3  # times are in milliseconds, and a clip of a few samples has none


class Reason(Enum):
    """Why a clip is left out, in words after a number of clips."""

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
    """A clip, and the transcript that a model wrote.

    Attributes:
        recording: it, or what it is a piece of; `audio` is of the clip itself.
        audio: of the clip.
        seconds: how long it is.
        text: what is heard.
        confidence: how sure the model is, 0 to 1.
    """

    recording: UnlabelledRecording
    audio: AudioReference
    seconds: float
    text: str
    confidence: float


@dataclass(frozen=True)
class LeftOut:
    """A clip, or a recording that has none, that is not to be trained on."""

    label: PseudoLabel
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Bounds:
    """What a transcript must be like.

    Attributes:
        least_confidence: 0 to 1.
        least_rate: characters a second.
        most_rate: characters a second.
        longest_seconds: of a clip.
    """

    least_confidence: float
    least_rate: float
    most_rate: float
    longest_seconds: float

    def against(self, label: PseudoLabel) -> tuple[Reason, str] | None:
        """Return what speaks against a transcript; None: nothing."""
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
    """Yield each clip, with what speaks against it where something does.

    Args:
        recordings: in the order in which they are listed.
        transcripts: what a model hears in each.
        measured: what error rates are measured on.
        bounds: what a transcript must be like.
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
    """Yield the clips of a recording; one that begins at its start and is alone is all of it."""
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
    """Return a clip, or why it is left out: another model hears something else in it.

    Args:
        label: the clip.
        found: what the other model hears in it.
        most: the share of characters in which they may differ, of the longer transcript.
    """
    if isinstance(found, UserError):
        return LeftOut(label, Reason.UNREADABLE, str(found))
    text = " ".join(part.text for part in found.passages)
    share = Levenshtein.distance(label.text, text) / max(len(label.text), len(text))
    return LeftOut(label, Reason.DISPUTED, f"it transcribes {text!r}") if share > most else label
