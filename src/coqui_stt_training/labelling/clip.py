"""Clips, and what people made of them."""

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
    """A stretch of a recording.

    Attributes:
        start_milliseconds: from the start of the recording.
        end_milliseconds: likewise.
        is_whole: whether it is all of the recording.
    """

    start_milliseconds: int
    end_milliseconds: int
    is_whole: bool = False

    @property
    def milliseconds(self) -> int:
        """Length."""
        return self.end_milliseconds - self.start_milliseconds


@dataclass(frozen=True)
class DeskClip:
    """A stretch of a recording that is transcribed at a time."""

    recording: DeskRecording
    span: Span

    @cached_property
    def identity(self) -> str:
        """What requests call it: 16 hexadecimal digits, the same each time."""
        bounds = "" if self.span.is_whole else f"{self._start}-{self._end}"
        named = f"{self.recording.key}\0{bounds}"
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def audio(self) -> AudioReference:
        """Where its sound is."""
        whole = self.recording.audio
        if self.span.is_whole:
            return whole
        begin = whole.start_seconds
        return replace(
            whole, start_seconds=begin + self._start / 1000, end_seconds=begin + self._end / 1000
        )

    @property
    def is_plain_file(self) -> bool:
        """Whether a data set can name its audio as it is, without a copy."""
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
    """What somebody made of a clip.

    Attributes:
        version: counts the changes; 0: nobody has yet.
        verdict: accepted clips are in the data set.
        text: the transcript.
        reason: why it was rejected.
        person: who, as they call themselves.
        time: when, as ISO 8601 has it.
    """

    version: int = 0
    verdict: Verdict = "open"
    text: str = ""
    reason: str = ""
    person: str = ""
    time: str = ""

    def says_the_same(self, other: DeskLabel) -> bool:
        """Whether verdict, text and reason are those of another."""
        return (self.verdict, self.text, self.reason) == (other.verdict, other.text, other.reason)
