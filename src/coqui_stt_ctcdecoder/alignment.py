"""Forced alignment: the times of the labels of a known text. See `native/ctc/aligner.h`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .alphabet import Alphabet
from .native import _native

ANYTHING = -1  # label that matches any speech
HIGHEST_COST = 13.8  # highest cost of a label, in nats: probabilities are taken as at least 1e-6


@dataclass(frozen=True)
class LabelTime:
    """The frames of one label of a text.

    Attributes:
        position: index of the label in the text, from 0.
        start_frame: first frame of the label.
        end_frame: frame after the last one of the label.
        log_prob: natural logarithm of the label's probability, averaged over its frames.
        cost: distance of `log_prob` from that of the likeliest class of each frame, in nats,
            averaged over the frames; 0 is best.
    """

    position: int
    start_frame: int
    end_frame: int
    log_prob: float
    cost: float


class TextAligner:
    """Aligns a text with audio that arrives in chunks, in bounded memory. Not thread-safe.

    Args:
        labels: labels of the whole text; `ANYTHING` matches any speech.
        unit_lengths: number of labels of each unit, such as a sentence. Between units there may be
            pauses.
        alphabet: alphabet of the model. The blank is the class after its last label.
        filler_cost: highest cost, in nats, of a frame between units whose speech is not in the
            text. Infinity allows no such speech.
        skip_cost: cost, in nats, of a unit that is not spoken. Infinity requires every unit.
        beam: a path is dropped when it is this many nats worse than the best one.

    Raises:
        DecodeError: a label is outside the alphabet, or `unit_lengths` do not sum to the number of
            labels.
    """

    def __init__(
        self,
        labels: Sequence[int],
        unit_lengths: Sequence[int],
        alphabet: Alphabet,
        *,
        filler_cost: float = math.inf,
        skip_cost: float = math.inf,
        beam: float = math.inf,
    ) -> None:
        options = _native.AlignerOptions()
        options.classes = alphabet.size + 1
        options.space = alphabet.space_label
        options.filler_cost, options.skip_cost, options.beam = filler_cost, skip_cost, beam
        self._aligner = _native.Aligner(options, labels, unit_lengths)

    def feed(self, probs: NDArray[np.float32]) -> list[LabelTime]:
        """Add posteriors, float32 `[frames, classes]`; return the labels that are now final.

        Raises:
            DecodeError: the posteriors do not fit the alphabet.
        """
        return _times(self._aligner.feed(np.ascontiguousarray(probs, np.float32)))

    def finish(self) -> list[LabelTime]:
        """End the audio and return the remaining labels.

        Raises:
            DecodeError: the audio is too short for the text.
        """
        return _times(self._aligner.finish())


def align(labels: Sequence[int], probs: NDArray[np.float32], alphabet: Alphabet) -> list[LabelTime]:
    """Return the times of the labels of a text in a clip that contains nothing else.

    Args:
        labels: labels of the text, at least one.
        probs: posteriors, float32 `[frames, classes]`; the blank is the last class.
        alphabet: alphabet of the model.

    Raises:
        DecodeError: the audio is too short for the text.
    """
    aligner = TextAligner(labels, [len(labels)], alphabet)
    return [*aligner.feed(probs), *aligner.finish()]


def _times(spans: Sequence[_native.LabelSpan]) -> list[LabelTime]:
    return [
        LabelTime(span.position, span.start_frame, span.end_frame, span.log_prob, span.cost)
        for span in spans
    ]
