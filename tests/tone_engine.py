"""An acoustic engine that recognises the tones of `recipes.conftest.speak` without errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.engines import FloatArray
from stt.engines.utterance import UtteranceEngine, UtteranceInfo

RATE_HZ = 16000
STEP_SAMPLES = 320
_SURE = 0.96
_AUDIBLE = 0.05  # root mean square


class ToneEngine(UtteranceEngine):
    """An engine that recognises, in each frame of 20 ms, the letter of the tone, or the blank."""

    def __init__(self, letters: str) -> None:
        self._letters = letters
        self.info = UtteranceInfo(
            alphabet=Alphabet.from_labels(letters),
            sample_rate_hz=RATE_HZ,
            step_seconds=STEP_SAMPLES / RATE_HZ,
            beam_width=16,
        )

    def run_clips(self, clips: Sequence[FloatArray]) -> list[FloatArray]:
        return [self._hear(clip) for clip in clips]

    def _hear(self, clip: FloatArray) -> FloatArray:
        frames = np.asarray(clip[: len(clip) // STEP_SAMPLES * STEP_SAMPLES], np.float32)
        frames = frames.reshape(-1, STEP_SAMPLES)
        spectra = np.abs(np.fft.rfft(frames * np.hanning(STEP_SAMPLES), 8 * STEP_SAMPLES))
        pitches_hz = np.fft.rfftfreq(8 * STEP_SAMPLES, 1 / RATE_HZ)[spectra.argmax(axis=1)]
        letters_hz = 300 * 1.7 ** np.arange(len(self._letters))
        ratios = np.abs(np.log(np.maximum(pitches_hz, 1)[:, None] / letters_hz))
        classes = ratios.argmin(axis=1)
        audible = np.sqrt(np.square(frames).mean(axis=1)) > _AUDIBLE
        classes[~audible] = len(self._letters)
        rest = (1 - _SURE) / len(self._letters)
        probs = np.full((len(frames), self.info.n_classes), rest, np.float32)
        probs[np.arange(len(frames)), classes] = _SURE
        return probs

    def close(self) -> None:
        """Nothing to free."""
