"""Transcribes endless speech in bounded time and memory: utterances end at pauses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .audio.pcm import Pcm
from .decoding import DecoderStream
from .engines import FloatArray
from .model import Model
from .words import Word, words_of

_SEARCH_STEP_FRAMES = 16  # step of the search for pauses
_MIN_GROWTH = 1.04  # `current` returns an utterance again when it has grown by this factor
_RESTART_SILENCE_SECONDS = 10.0  # after so much silence the decoder is restarted


@dataclass(frozen=True)
class Utterance:
    """The transcript of an utterance that has ended, or of one in progress.

    Attributes:
        text: text of the utterance.
        words: words with confidences, and with times from the start of the audio.
        is_final: whether the utterance has ended; else more audio may change it.
    """

    text: str
    words: tuple[Word, ...]
    is_final: bool


class LiveTranscriber:
    """Transcribes endless audio. Not thread-safe.

    The acoustic model runs continuously. The decoder restarts after every utterance, which ends
    with a pause: frames in which the blank or the space is the likeliest class.

    Args:
        model: loaded model.
        pause_seconds: length of a pause that ends an utterance. None never ends it; its transcript
            then equals that of `Model.stt`.
        longest_utterance_seconds: length after which an utterance ends even without a pause.
    """

    def __init__(
        self,
        model: Model,
        pause_seconds: float | None = 1.0,
        longest_utterance_seconds: float = 60.0,
    ) -> None:
        self._model = model
        self._pause_frames = None if pause_seconds is None else pause_seconds / model.step_seconds
        self._longest_frames = longest_utterance_seconds / model.step_seconds
        self._blank, self._space = model.alphabet.blank, model.alphabet.space_label
        self._acoustic = model.create_acoustic_stream()
        self._start_frame = 0
        self._restart(0)

    def _restart(self, frames: int) -> None:
        self._decoder: DecoderStream = self._model.create_decoder_stream()
        self._start_frame += frames
        self._frames = 0
        self._returned_frames = 0  # `_frames` when `current` last returned an utterance
        self._silent_frames = 0
        self._has_speech = False
        self._changed = False

    def feed(self, samples: Pcm) -> Iterator[Utterance]:
        """Add samples; yield the utterances that ended in them."""
        posteriors = self._acoustic.feed(samples)
        for start in range(0, len(posteriors), _SEARCH_STEP_FRAMES):
            self._take(posteriors[start : start + _SEARCH_STEP_FRAMES])
            if self._is_at_end():
                utterance = self._utterance(is_final=True)
                self._restart(self._frames)
                if utterance.text:
                    yield utterance

    @property
    def samples_until_due(self) -> int:
        """Number of further samples until there can be a change in the transcript."""
        return self._acoustic.samples_until_due

    def current(self) -> Utterance | None:
        """Return the utterance so far, or None if it has not changed since the last call.

        For an utterance of minutes not every change is returned. Otherwise the total time would
        grow with the square of its length.
        """
        if not self._changed or self._frames < self._returned_frames * _MIN_GROWTH:
            return None
        self._changed = False
        self._returned_frames = self._frames
        return self._utterance(is_final=False)

    def finish(self) -> Utterance:
        """End the audio; return the last utterance. The transcriber must not be used afterwards."""
        self._take(self._acoustic.finish())
        return self._utterance(is_final=True)

    def _take(self, posteriors: FloatArray) -> None:
        self._decoder.feed(posteriors)
        self._frames += len(posteriors)
        best = posteriors.argmax(axis=1)
        silent = (best == self._blank) | (best == self._space)
        if silent.all():
            self._silent_frames += len(silent)
        else:
            self._silent_frames = int(silent[::-1].argmin())
            self._has_speech = True
            self._changed = True

    def _is_at_end(self) -> bool:
        if self._pause_frames is None:
            return False
        if not self._has_speech:
            return self._frames * self._model.step_seconds >= _RESTART_SILENCE_SECONDS
        return self._silent_frames >= self._pause_frames or self._frames >= self._longest_frames

    def _utterance(self, *, is_final: bool) -> Utterance:
        best = self._decoder.decode().transcripts[0]
        words = words_of(best.tokens)
        if self._start_frame:
            offset_seconds = self._start_frame * self._model.step_seconds
            words = [word.shifted(offset_seconds) for word in words]
        return Utterance(best.text, tuple(words), is_final)
