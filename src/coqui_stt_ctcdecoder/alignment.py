"""Forced alignment: when the labels of a known text are said. See `native/ctc/aligner.h`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .alphabet import Alphabet
from .native import _native

ANYTHING = -1  # a label that stands for speech of any kind
HIGHEST_COST = (
    13.8  # of a label, in nats: the probabilities of a model are taken to be 1e-6 at least
)


@dataclass(frozen=True)
class LabelTime:
    """Where a label of a text is said.

    Attributes:
        position: in the text, from 0.
        start_frame: the first frame that says it.
        end_frame: the frame behind the last.
        log_prob: natural logarithm of its probability, mean of its frames.
        cost: how far that lies below the likeliest class, in nats; 0 is best.
    """

    position: int
    start_frame: int
    end_frame: int
    log_prob: float
    cost: float


class TextAligner:
    """Aligns a text while its audio is being heard, in bounded memory. Not for two threads at once.

    Args:
        labels: of the whole text; `ANYTHING` stands for speech without a label.
        unit_lengths: how many of them each unit has; between units there may be pauses.
        alphabet: of the model; its blank is the last class.
        filler_cost: nats that a frame costs at most in which speech is heard that is not in the
            text, between units; infinite: there is none.
        skip_cost: nats that a unit costs which is not said; infinite: all are said.
        beam: nats behind the best path at which others are given up.

    Raises:
        DecodeError: the labels are none of the alphabet's, or do not add up to the units.
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
        """Go on with posteriors, float32 `[frames, classes]`; return the labels that are certain.

        Raises:
            DecodeError: they are no posteriors of this alphabet.
        """
        return _times(self._aligner.feed(np.ascontiguousarray(probs, np.float32)))

    def finish(self) -> list[LabelTime]:
        """Return the labels that are left, at the end of the audio.

        Raises:
            DecodeError: the text does not fit into the audio.
        """
        return _times(self._aligner.finish())


def align(labels: Sequence[int], probs: NDArray[np.float32], alphabet: Alphabet) -> list[LabelTime]:
    """Return when each label is said in a clip that says nothing else.

    Args:
        labels: of the text, one at least.
        probs: posteriors, float32 `[frames, classes]`, the blank last.
        alphabet: of the model.

    Raises:
        DecodeError: the text does not fit into the audio.
    """
    aligner = TextAligner(labels, [len(labels)], alphabet)
    return [*aligner.feed(probs), *aligner.finish()]


def _times(spans: Sequence[_native.LabelSpan]) -> list[LabelTime]:
    return [
        LabelTime(span.position, span.start_frame, span.end_frame, span.log_prob, span.cost)
        for span in spans
    ]
