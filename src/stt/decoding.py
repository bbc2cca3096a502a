"""From probabilities to readings: the beam search, and what it found put into words.

The search is `coqui_stt_ctcdecoder`'s; here are the settings libstt uses, and the translation of
its labels into tokens with times and confidences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import DecodeResult, Scorer, StreamingDecoder
from coqui_stt_ctcdecoder.alphabet import Alphabet

from .engines import FloatArray
from .metadata import CandidateTranscript, Metadata, TokenMetadata

_CUTOFF_PROB = 1.0  # no pruning of classes, as libstt
_CUTOFF_TOP_N = 40


@dataclass(frozen=True)
class DecoderSettings:
    """What a decoder is made from; a stream keeps those of the moment it was created.

    Attributes:
        alphabet: of the model.
        beam_width: readings kept from frame to frame.
        step_seconds: from one frame to the next.
        scorer: the language model, where there is one.
        hot_words: words and their boosts; used with a scorer only.
    """

    alphabet: Alphabet
    beam_width: int
    step_seconds: float
    scorer: Scorer | None = None
    hot_words: Mapping[str, float] = field(default_factory=dict)


class DecoderStream:
    """The readings of one utterance so far. Not for two threads at once.

    The probabilities are kept, as float16, for the confidence of tokens: 10 MB an hour for 28
    labels.
    """

    def __init__(self, settings: DecoderSettings) -> None:
        self._settings = settings
        self._search = StreamingDecoder(
            settings.alphabet,
            settings.beam_width,
            _CUTOFF_PROB,
            _CUTOFF_TOP_N,
            settings.scorer,
            settings.hot_words,
        )
        self._heard: list[NDArray[np.float16]] = []

    def feed(self, probabilities: FloatArray) -> None:
        """Go on with probabilities, float32 `[frames, classes]`."""
        if len(probabilities):
            self._search.feed(probabilities)
            self._heard.append(probabilities.astype(np.float16))

    def decode(self, num_results: int = 1) -> Metadata:
        """Return the best readings so far; the stream goes on undisturbed."""
        if len(self._heard) > 1:
            self._heard = [np.concatenate(self._heard)]
        return Metadata(
            tuple(
                CandidateTranscript(self._tokens(reading), reading.confidence)
                for reading in self._search.decode(num_results)
            )
            or (CandidateTranscript((), 0.0),)
        )

    def copy(self) -> DecoderStream:
        """Return a stream that goes on from here without touching this one."""
        other = DecoderStream.__new__(DecoderStream)
        other._settings = self._settings
        other._search = self._search.copy()
        other._heard = list(self._heard)
        return other

    def _tokens(self, reading: DecodeResult) -> tuple[TokenMetadata, ...]:
        labels, timesteps = reading.tokens, reading.timesteps
        return tuple(
            TokenMetadata(
                text=self._settings.alphabet.decode(labels[first:end]),
                timestep=timesteps[first],
                start_time=timesteps[first] * self._settings.step_seconds,
                confidence=self._confidence(labels[first:end], timesteps[first:end]),
            )
            for first, end in _characters(self._settings.alphabet, labels)
        )

    def _confidence(self, labels: list[int], timesteps: list[int]) -> float:
        if not self._heard:
            return 0.0
        return float(
            self._heard[0][timesteps, labels].astype(np.float64).prod() ** (1 / len(labels))
        )


def _characters(alphabet: Alphabet, labels: list[int]) -> list[tuple[int, int]]:
    """Return where the characters among labels start and end: single labels, but of a bytes model
    the bytes that UTF-8 writes one character with."""
    starts = [
        index
        for index, label in enumerate(labels)
        if index == 0 or not (alphabet.is_bytes and _is_continuation(label + 1))
    ]
    return list(zip(starts, [*starts, len(labels)][1:], strict=True))


def _is_continuation(byte: int) -> bool:
    return byte & 0xC0 == 0x80
