"""What a page holds of a few clips beyond their texts: audio, and what the model made of it.

From these the page draws spectrogram and probabilities when a clip is opened.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet

from .clips import ClipResult

_LONGEST_SECONDS = 40.0
_LEAST_PROBABILITY = 0.05
_MOST_CLASSES = 40
_BLANK = "∅"


@dataclass(frozen=True)
class ClipMedia:
    """Of one clip.

    Attributes:
        samples: float32 `[samples]`.
        sample_rate_hz: of them.
        posteriors: float32 `[frames, classes]`.
        alphabet: of the classes; the last is the blank.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int
    posteriors: NDArray[np.float32]
    alphabet: Alphabet

    def packed(self) -> dict[str, Any]:
        """Return what the page's script reads: FLAC, and the likely classes' bytes of 0 to 255."""
        out = io.BytesIO()
        soundfile.write(
            out, self.samples.clip(-1, 1), self.sample_rate_hz, format="FLAC", subtype="PCM_16"
        )
        rows = self.posteriors
        peaks = rows.max(axis=0, initial=0.0)
        likely = np.flatnonzero(peaks > _LEAST_PROBABILITY)
        likely = likely[np.argsort(-peaks[likely], kind="stable")][:_MOST_CLASSES]
        likely = np.sort(likely)
        levels = np.rint(rows[:, likely] * 255).astype(np.uint8)
        return {
            "audio": base64.b64encode(out.getvalue()).decode(),
            "rate": self.sample_rate_hz,
            "frames": len(rows),
            "labels": [self._name(int(label)) for label in likely],
            "levels": base64.b64encode(levels.T.tobytes()).decode(),
        }

    def _name(self, label: int) -> str:
        if label >= self.alphabet.size:
            return _BLANK
        if self.alphabet.is_bytes:
            return f"{label + 1:02x}"
        text = self.alphabet.labels[label]
        return "␣" if text == " " else text


def worst_clips(clips: Sequence[ClipResult], count: int) -> list[int]:
    """Return the numbers of the clips with the most word errors, then character errors.

    By count rather than rate, as a rate of a one-word clip is either all or nothing. Long
    recordings are left out: a page could not hold many.
    """
    eligible: Iterable[int] = (
        number
        for number, clip in enumerate(clips)
        if clip.duration_seconds is None or clip.duration_seconds <= _LONGEST_SECONDS
    )
    ordered = sorted(
        eligible,
        key=lambda number: (
            -clips[number].sample.word_distance,
            -clips[number].sample.char_distance,
            number,
        ),
    )
    return ordered[: max(0, count)]
