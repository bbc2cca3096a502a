"""Clips, and their labels."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

from stt.audio.reference import AudioReference

from .recording import DeskRecording

Verdict = Literal["open", "accepted", "rejected"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Span:
    """A segment of a recording.

    Attributes:
        start_milliseconds: start, from the start of the recording.
        end_milliseconds: end, from the start of the recording.
        is_whole: whether it is the whole recording.
    """

    start_milliseconds: int
    end_milliseconds: int
    is_whole: bool = False

    @property
    def milliseconds(self) -> int:
        """The duration."""
        return self.end_milliseconds - self.start_milliseconds


@dataclass(frozen=True)
class DeskClip:
    """A segment of a recording, to be transcribed by itself."""

    recording: DeskRecording
    span: Span

    @cached_property
    def identity(self) -> str:
        """The name of the clip in requests: 16 hexadecimal digits, the same in each session."""
        bounds = "" if self.span.is_whole else f"{self._start}-{self._end}"
        named = f"{self.recording.key}\0{bounds}"
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def audio(self) -> AudioReference:
        """Where the audio is."""
        whole = self.recording.audio
        if self.span.is_whole:
            return whole
        begin = whole.start_seconds
        return replace(
            whole, start_seconds=begin + self._start / 1000, end_seconds=begin + self._end / 1000
        )

    @property
    def is_plain_file(self) -> bool:
        """Whether the data set can name the audio file itself, without a copy."""
        audio = self.recording.audio
        return self.span.is_whole and not audio.is_piece and audio.size_bytes is None

    @property
    def _start(self) -> int:
        return self.span.start_milliseconds

    @property
    def _end(self) -> int:
        return self.span.end_milliseconds


@dataclass(frozen=True)
class DeskLabel:
    """The label that a person gave a clip.

    Attributes:
        version: number of changes; 0: not labelled yet.
        verdict: the decision; accepted clips are in the data set.
        text: the transcript.
        reason: why the clip was rejected.
        person: name that the person entered.
        time: time of the change, in ISO 8601.
    """

    version: int = 0
    verdict: Verdict = "open"
    text: str = ""
    reason: str = ""
    person: str = ""
    time: str = ""

    def says_the_same(self, other: DeskLabel) -> bool:
        """Return whether verdict, text and reason equal those of another label."""
        return (self.verdict, self.text, self.reason) == (other.verdict, other.text, other.reason)
