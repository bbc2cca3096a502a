"""Draft transcripts by a model, made in the background before people reach the clips."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from coqui_stt_ctcdecoder.errors import UserError
from stt.audio.source import read_pcm
from stt.model import Model
from stt.words import Word, words_of

from .clip import DeskClip

_log = logging.getLogger(__name__)
_MOST_KEPT = 1000
_MOST_PEOPLE = 32


@dataclass(frozen=True)
class Draft:
    """A model's transcript of a clip.

    Attributes:
        text: the transcript.
        words: words of the transcript, with times from the start of the clip.
        problem: why there is no transcript; empty: there is one.
    """

    text: str = ""
    words: tuple[Word, ...] = ()
    problem: str = ""


class Drafts:
    """Drafts of the clips on people's screens, and of the clips that follow. Thread-safe.

    One thread transcribes the clips on screens first, then those that follow. Other clips are not
    transcribed. A limited number of drafts is kept.

    Args:
        model: model that transcribes.
        most_kept: greatest number of drafts in memory.
    """

    def __init__(self, model: Model, most_kept: int = _MOST_KEPT) -> None:
        self._model = model
        self._most_kept = most_kept
        self._changed = threading.Condition()
        self._wanted: OrderedDict[str, list[DeskClip]] = OrderedDict()
        self._done: OrderedDict[str, Draft] = OrderedDict()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="drafts", daemon=True)
        self._thread.start()

    def look_at(self, person: str, clips: Sequence[DeskClip]) -> None:
        """Set the clips that a person needs: the one on the screen, then those that follow."""
        with self._changed:
            self._wanted.pop(person, None)
            self._wanted[person] = list(clips)
            while len(self._wanted) > _MOST_PEOPLE:
                self._wanted.popitem(last=False)
            self._changed.notify_all()

    def get(self, clip: DeskClip, wait_seconds: float = 0.0) -> Draft | None:
        """Return the draft of a clip; None: it is not made yet.

        Args:
            clip: the clip.
            wait_seconds: longest time to wait for the draft.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: clip.identity in self._done or self._is_closed, wait_seconds
            )
            draft = self._done.get(clip.identity)
            if draft is not None:
                self._done.move_to_end(clip.identity)
            return draft

    def close(self) -> None:
        """End the thread after its current clip."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (clip := self._next()) is not None:
            draft = self._transcribe(clip)
            with self._changed:
                self._done[clip.identity] = draft
                while len(self._done) > self._most_kept:
                    self._done.popitem(last=False)
                self._changed.notify_all()

    def _next(self) -> DeskClip | None:
        """Wait for the most urgent clip and return it; None: the drafts were closed."""
        with self._changed:
            while not self._is_closed:
                clip = self._first_missing()
                if clip is not None:
                    return clip
                self._changed.wait()
            return None

    def _first_missing(self) -> DeskClip | None:
        longest = max((len(clips) for clips in self._wanted.values()), default=0)
        for depth in range(longest):
            for clips in reversed(self._wanted.values()):  # the latest request first
                if depth < len(clips) and clips[depth].identity not in self._done:
                    return clips[depth]
        return None

    def _transcribe(self, clip: DeskClip) -> Draft:
        try:
            samples = read_pcm(clip.audio, self._model.sample_rate())
            transcript = self._model.stt_with_metadata(samples).transcripts[0]
        except UserError as error:
            return Draft(problem=str(error))
        except Exception:  # one bad clip must not end the thread
            _log.exception("no draft of %s", clip.audio)
            return Draft(problem="the model failed on this clip; see the log of the command")
        return Draft(transcript.text, tuple(words_of(transcript.tokens)))
