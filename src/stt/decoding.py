"""Decodes posteriors to hypotheses with the settings of libstt.

The beam search is in `coqui_stt_ctcdecoder`. This module converts its labels to tokens with times
and confidences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import DecodeResult, Scorer, StreamingDecoder
from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.hot_words import why_unwritable

from .engines import FloatArray
from .metadata import CandidateTranscript, Metadata, TokenMetadata

_CUTOFF_PROB = 1.0  # no pruning of classes, as in libstt
_CUTOFF_TOP_N = 40
_LEAST_PROBABILITY = 0.1  # a label lasts as long as its probability is higher
_LONGEST_HELD_FRAMES = 16


@dataclass(frozen=True)
class DecoderSettings:
    """Settings of a decoder; a stream keeps those that it was created with.

    Attributes:
        alphabet: alphabet of the model.
        beam_width: number of prefixes kept after each frame.
        step_seconds: time from one frame to the next.
        scorer: language model, or None.
        hot_words: word -> boost. They need a scorer, and are ignored if they cannot be spelled.
    """

    alphabet: Alphabet
    beam_width: int
    step_seconds: float
    scorer: Scorer | None = None
    hot_words: Mapping[str, float] = field(default_factory=dict)


class DecoderStream:
    """The hypotheses of one utterance so far. Not thread-safe.

    It keeps the posteriors for the confidences of tokens: 21 MB per hour for 28 labels.
    """

    def __init__(self, settings: DecoderSettings) -> None:
        self._settings = settings
        self._search = StreamingDecoder(
            settings.alphabet,
            settings.beam_width,
            _CUTOFF_PROB,
            _CUTOFF_TOP_N,
            settings.scorer,
            {
                word: boost
                for word, boost in settings.hot_words.items()
                if why_unwritable(word, settings.alphabet, settings.scorer) is None
            },
        )
        self._posteriors = _Rows(settings.alphabet.size + 1)

    def feed(self, posteriors: FloatArray) -> None:
        """Add posteriors, float32 `[frames, classes]`."""
        if len(posteriors):
            self._search.feed(posteriors)
            self._posteriors.append(posteriors)

    def decode(self, num_results: int = 1) -> Metadata:
        """Return the best hypotheses so far. More posteriors may follow."""
        return Metadata(
            [
                CandidateTranscript(
                    _tokens(
                        hypothesis,
                        self._posteriors,
                        self._settings.alphabet,
                        self._settings.step_seconds,
                    ),
                    hypothesis.confidence,
                )
                for hypothesis in self._search.decode(num_results)
            ]
            or [CandidateTranscript([], 0.0)]
        )

    def copy(self) -> DecoderStream:
        """Return an independent copy of the stream in its present state."""
        other = DecoderStream.__new__(DecoderStream)
        other._settings = self._settings
        other._search = self._search.copy()
        other._posteriors = self._posteriors.copy()
        return other


def tokens_of(
    hypothesis: DecodeResult, posteriors: FloatArray, alphabet: Alphabet, step_seconds: float
) -> list[TokenMetadata]:
    """Return the characters of a hypothesis with their times and confidences.

    Args:
        hypothesis: hypothesis of one utterance.
        posteriors: posteriors of the utterance, float32 `[frames, classes]`.
        alphabet: alphabet of the model.
        step_seconds: time from one frame to the next.
    """
    rows = _Rows(alphabet.size + 1)
    rows.append(posteriors)
    return _tokens(hypothesis, rows, alphabet, step_seconds)


def path_confidence(posteriors: FloatArray) -> float:
    """Return the confidence of a model in an utterance, 0 to 1; 0 if it outputs no labels.

    It is `p ** (1 / n)`, where p is the probability of the likeliest path and n the number of its
    labels. All frames contribute, also those in which a label and the blank are about equally
    likely.

    Args:
        posteriors: float32 `[frames, classes]`; the last class is the blank.
    """
    if not len(posteriors):
        return 0.0
    path = posteriors.argmax(axis=1)
    begins = np.concatenate([[True], path[1:] != path[:-1]])
    labels = int(np.count_nonzero(begins & (path != posteriors.shape[1] - 1)))
    likeliest = posteriors[np.arange(len(path)), path].astype(np.float64)
    return math.exp(float(np.log(likeliest).sum()) / labels) if labels else 0.0


def _tokens(
    hypothesis: DecodeResult, posteriors: _Rows, alphabet: Alphabet, step_seconds: float
) -> list[TokenMetadata]:
    labels, timesteps = hypothesis.tokens, hypothesis.timesteps
    if not labels:
        return []
    confidences = posteriors.at(timesteps, labels)
    durations = (posteriors.held_frames(timesteps, labels) * step_seconds).tolist()
    starts = alphabet.starts(labels)
    if len(starts) == len(labels):
        texts = map(alphabet.decode_single, labels)
        return [
            TokenMetadata(text, timestep, timestep * step_seconds, confidence, duration)
            for text, timestep, confidence, duration in zip(
                texts, timesteps, confidences, durations, strict=True
            )
        ]
    return [
        TokenMetadata(
            text=alphabet.decode(labels[start:end]),
            timestep=timesteps[start],
            start_time=timesteps[start] * step_seconds,
            confidence=math.prod(confidences[start:end]) ** (1 / (end - start)),
            duration=(timesteps[end - 1] - timesteps[start]) * step_seconds + durations[end - 1],
        )
        for start, end in zip(starts, [*starts, len(labels)][1:], strict=True)
    ]


class _Rows:
    """Posteriors of all frames so far, in an array that grows by doubling."""

    def __init__(self, width: int) -> None:
        self._rows: FloatArray = np.empty((64, width), np.float32)
        self._count = 0

    def append(self, rows: FloatArray) -> None:
        needed = self._count + len(rows)
        if needed > len(self._rows):
            longer = np.empty((max(needed, 2 * len(self._rows)), self._rows.shape[1]), np.float32)
            longer[: self._count] = self._rows[: self._count]
            self._rows = longer
        self._rows[self._count : needed] = rows
        self._count = needed

    def at(self, frames: list[int], classes: list[int]) -> list[float]:
        found: list[float] = self._rows[frames, classes].tolist()
        return found

    def held_frames(self, frames: list[int], classes: list[int]) -> NDArray[np.int64]:
        """Return for how many frames each class stays likely, at most until the next label."""
        first = np.array(frames)
        limits = np.append(first[1:], self._count).clip(first + 1, first + _LONGEST_HELD_FRAMES)
        ahead = first[:, None] + np.arange(1, _LONGEST_HELD_FRAMES)
        rows = ahead.clip(max=self._count - 1)
        held = (self._rows[rows, np.array(classes)[:, None]] > _LEAST_PROBABILITY) & (
            ahead < limits[:, None]
        )
        counts: NDArray[np.int64] = 1 + np.logical_and.accumulate(held, axis=1).sum(axis=1)
        return counts

    def copy(self) -> _Rows:
        other = _Rows(self._rows.shape[1])
        other.append(self._rows[: self._count])
        return other
