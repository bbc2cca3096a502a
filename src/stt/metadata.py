"""What a transcription is made of: candidates, and their tokens with times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TokenMetadata:
    """One character of a transcript.

    Attributes:
        text: the character (of a bytes model: the whole character, not its single bytes).
        timestep: index of the frame it was heard in, from the start of the stream.
        start_time: the same in seconds.
        confidence: probability that the acoustic model gave it in that frame, 0 to 1.
        duration: how long the model went on hearing it, in seconds; at least one frame.
    """

    text: str
    timestep: int
    start_time: float
    confidence: float = 1.0
    duration: float = 0.0


@dataclass(frozen=True)
class CandidateTranscript:
    """One reading of the audio.

    Attributes:
        tokens: its characters.
        confidence: natural logarithm of the reading's score: acoustic model, language model, word
            bonus and hot words together. Higher is better; comparable within one `Metadata`.
    """

    tokens: list[TokenMetadata]
    confidence: float

    @property
    def text(self) -> str:
        """The transcript as a string."""
        return "".join(token.text for token in self.tokens)


@dataclass(frozen=True)
class Metadata:
    """The readings of one audio, best first.

    Attributes:
        transcripts: at least one; as many as asked for, or as the beam held.
    """

    transcripts: list[CandidateTranscript]
