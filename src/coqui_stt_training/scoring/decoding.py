"""Decoders: from posteriors to transcripts, in evaluation and for examples during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder import DecodeResult, Scorer, ctc_beam_search_decoder_batch
from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.cores import available_cores

from ..cli.config import DecoderFlags
from .ctc import best_path


class Decoder(Protocol):
    """Anything that turns posteriors into text."""

    def __call__(self, posteriors: NDArray[np.float32], lengths: Sequence[int]) -> list[str]:
        """Decode a batch.

        Args:
            posteriors: float32 `[batch, frames, classes]`, the last class is the blank.
            lengths: number of frames of each clip.

        Returns:
            A transcript for each clip.
        """
        ...


class BestPathDecoder:
    """Takes the most likely class of each frame, without search or language model."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet

    def __call__(self, posteriors: NDArray[np.float32], lengths: Sequence[int]) -> list[str]:
        """Decode a batch; see `Decoder`."""
        paths = posteriors.argmax(axis=-1)
        return [
            self._alphabet.decode(best_path(path[:length].tolist(), self._alphabet.blank))
            for path, length in zip(paths, lengths, strict=True)
        ]


class BeamSearchDecoder:
    """Searches for the most likely text by beam search, with a language model if there is a scorer.

    Clips of a batch are decoded in parallel.

    Args:
        alphabet: alphabet of the model.
        flags: beam width, cutoffs and scorer. The scorer's own alpha and beta are used unless the
            flags give others.
        given: names of the flags on the command line.

    Raises:
        ScorerError: the scorer is missing, damaged, or was made for another alphabet.
    """

    def __init__(self, alphabet: Alphabet, flags: DecoderFlags, given: frozenset[str]) -> None:
        self._alphabet = alphabet
        self._flags = flags
        self._scorer = None
        if flags.scorer_path:
            self._scorer = Scorer(*flags.weights(given), flags.scorer_path, alphabet)

    def __call__(self, posteriors: NDArray[np.float32], lengths: Sequence[int]) -> list[str]:
        """Decode a batch; see `Decoder`."""
        return [reading.transcript for reading in self.readings(posteriors, lengths)]

    def readings(
        self, posteriors: NDArray[np.float32], lengths: Sequence[int]
    ) -> list[DecodeResult]:
        """Return the best hypothesis of each clip, with the frames of its labels; see `Decoder`."""
        results = ctc_beam_search_decoder_batch(
            posteriors,
            lengths,
            self._alphabet,
            self._flags.beam_width,
            num_processes=available_cores(),
            cutoff_prob=self._flags.cutoff_prob,
            cutoff_top_n=self._flags.cutoff_top_n,
            scorer=self._scorer,
        )
        return [hypotheses[0] for hypotheses in results]
