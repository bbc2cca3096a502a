"""From logits to transcripts, for evaluation and for the few samples decoded while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet

from .ctc import best_path


class Decoder(Protocol):
    """Anything that turns posteriors into text."""

    def __call__(self, probabilities: NDArray[np.float32], lengths: Sequence[int]) -> list[str]:
        """Decode a batch.

        Args:
            probabilities: float32 `[batch, frames, classes]`, the last class is the blank.
            lengths: frames of each clip.

        Returns:
            A transcript for each clip.
        """
        ...


class BestPathDecoder:
    """Takes the likeliest class of each frame: no search, no language model."""

    def __init__(self, alphabet: Alphabet) -> None:
        self._alphabet = alphabet

    def __call__(self, probabilities: NDArray[np.float32], lengths: Sequence[int]) -> list[str]:
        """Decode a batch; see `Decoder`."""
        paths = probabilities.argmax(axis=-1)
        return [
            self._alphabet.decode(best_path(path[:length].tolist(), self._alphabet.blank))
            for path, length in zip(paths, lengths, strict=True)
        ]
