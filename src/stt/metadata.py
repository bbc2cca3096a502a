"""The results of a transcription: candidate transcripts, and their tokens with times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenMetadata:
    """One character of a transcript.

    Attributes:
        text: the character; a model that outputs bytes has whole characters here too.
        timestep: index of the frame in which the character begins, from the start of the stream.
        start_time: start time of this frame in seconds.
        confidence: probability of the character in this frame by the acoustic model, 0 to 1.
        duration: time in seconds for which the character stays likely; at least one frame.
    """

    text: str
    timestep: int
    start_time: float
    confidence: float = 1.0
    duration: float = 0.0


@dataclass(frozen=True)
class CandidateTranscript:
    """One hypothesis of the audio.

    Attributes:
        tokens: characters of the hypothesis.
        confidence: natural log score: the sum of acoustic model, language model, word bonus and hot
            words. Higher is better; comparable only within one `Metadata`.
    """

    tokens: list[TokenMetadata]
    confidence: float

    @property
    def text(self) -> str:
        """The transcript as a string."""
        return "".join(token.text for token in self.tokens)


@dataclass(frozen=True)
class Metadata:
    """The hypotheses of one utterance, best first.

    Attributes:
        transcripts: at least one, at most as many as requested.
    """

    transcripts: list[CandidateTranscript]
