"""Speech without end: utterances are closed at pauses, so that time and memory stay bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .audio.pcm import Pcm
from .decoding import DecoderStream
from .engines import FloatArray
from .model import Model
from .words import Word, words_of

_LOOK_FRAMES = 16  # pauses are looked for in steps of so many frames
_TOLD_GROWTH = 1.04  # by how much an utterance grows before it is told again
_FORGET_SILENCE_SECONDS = 10.0  # a decoder that heard nothing for so long is made anew


@dataclass(frozen=True)
class Utterance:
    """What was said, up to a pause or so far.

    Attributes:
        text: the transcript.
        words: with times from the start of the audio, and confidences.
        is_final: whether it stays as it is; else more audio may change it.
    """

    text: str
    words: tuple[Word, ...]
    is_final: bool


class LiveTranscriber:
    """Transcribes audio that goes on and on. Not for two threads at once.

    The acoustic model runs through; the decoder starts anew after every utterance, which ends with
    a pause in which the model hears blanks and spaces only.

    Args:
        model: loaded.
        pause_seconds: how long a pause ends an utterance; None for one utterance without end,
            which gives the very transcript that `Model.stt` gives.
        longest_utterance_seconds: it is ended even without a pause after so long.
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
        self._told_frames = 0  # when `current` returned something last
        self._silent_frames = 0
        self._has_speech = False
        self._changed = False

    def feed(self, samples: Pcm) -> Iterator[Utterance]:
        """Go on with samples; yield the utterances that ended in them."""
        posteriors = self._acoustic.feed(samples)
        for start in range(0, len(posteriors), _LOOK_FRAMES):
            self._take(posteriors[start : start + _LOOK_FRAMES])
            if self._must_end():
                utterance = self._utterance(is_final=True)
                self._restart(self._frames)
                if utterance.text:
                    yield utterance

    @property
    def samples_until_due(self) -> int:
        """How many samples `feed` needs to hear anything in them: with less there is no news."""
        return self._acoustic.samples_until_due

    def current(self) -> Utterance | None:
        """Return the utterance so far; None where there is nothing new since the last call.

        Of an utterance that goes on for minutes not every change is told, so that the time all
        this takes does not grow with the square of its length.
        """
        if not self._changed or self._frames < self._told_frames * _TOLD_GROWTH:
            return None
        self._changed = False
        self._told_frames = self._frames
        return self._utterance(is_final=False)

    def finish(self) -> Utterance:
        """Return the last utterance. The transcriber must not be used afterwards."""
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

    def _must_end(self) -> bool:
        if self._pause_frames is None:
            return False
        if not self._has_speech:
            return self._frames * self._model.step_seconds >= _FORGET_SILENCE_SECONDS
        return self._silent_frames >= self._pause_frames or self._frames >= self._longest_frames

    def _utterance(self, *, is_final: bool) -> Utterance:
        best = self._decoder.decode().transcripts[0]
        words = words_of(best.tokens)
        if self._start_frame:
            offset_seconds = self._start_frame * self._model.step_seconds
            words = [word.shifted(offset_seconds) for word in words]
        return Utterance(best.text, tuple(words), is_final)
