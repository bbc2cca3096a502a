"""Audio and posteriors of a few clips, for an evaluation page.

The page's script draws the spectrogram and the probabilities from them when a clip is opened.
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
    """Audio and posteriors of one clip.

    Attributes:
        samples: float32 `[samples]`.
        sample_rate_hz: sample rate of the audio.
        posteriors: float32 `[frames, classes]`; the last class is the blank.
        alphabet: labels of the other classes.
    """

    samples: NDArray[np.float32]
    sample_rate_hz: int
    posteriors: NDArray[np.float32]
    alphabet: Alphabet

    def packed(self) -> dict[str, Any]:
        """Return the data for the page's script: FLAC, and probabilities of the likely classes.

        Probabilities are bytes, 255 for 1.
        """
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
    """Return the numbers of the clips with the most word errors; ties go by character errors.

    Errors are counted, because the error rate of a clip of one word is either 0 or 1. Long
    recordings are left out, since few of them would fit into a page.
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
