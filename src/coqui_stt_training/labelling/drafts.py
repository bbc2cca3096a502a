"""What a model hears in clips, found out in the background, ahead of those who correct it."""

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
    """What a model hears in a clip.

    Attributes:
        text: the transcript.
        words: of it, with times from the start of the clip.
        problem: why there is none.
    """

    text: str = ""
    words: tuple[Word, ...] = ()
    problem: str = ""


class Drafts:
    """Drafts of the clips that people look at, and will look at next. For many threads.

    One thread transcribes, in the order of need: what is on somebody's screen, then what follows.
    Nothing is transcribed that nobody is near to, and only so many drafts are kept.

    Args:
        model: to transcribe with.
        most_kept: drafts in memory.
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
        """Say what somebody has on the screen, and what comes next; it replaces what they had."""
        with self._changed:
            self._wanted.pop(person, None)
            self._wanted[person] = list(clips)
            while len(self._wanted) > _MOST_PEOPLE:
                self._wanted.popitem(last=False)
            self._changed.notify_all()

    def get(self, clip: DeskClip, wait_seconds: float = 0.0) -> Draft | None:
        """Return the draft of a clip; None: it is not there yet.

        Args:
            clip: one that somebody looks at.
            wait_seconds: how long to wait for it.
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
        """End the thread, after the clip that it is at."""
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
        """Return the clip that is needed first; wait until there is one; None: it is closed."""
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
            for clips in reversed(self._wanted.values()):  # who came last first
                if depth < len(clips) and clips[depth].identity not in self._done:
                    return clips[depth]
        return None

    def _transcribe(self, clip: DeskClip) -> Draft:
        try:
            samples = read_pcm(clip.audio, self._model.sample_rate())
            transcript = self._model.stt_with_metadata(samples).transcripts[0]
        except UserError as error:
            return Draft(problem=str(error))
        except Exception:  # one clip must not end the thread that all others wait for
            _log.exception("no draft of %s", clip.audio)
            return Draft(problem="the model failed on this clip; see the log of the command")
        return Draft(transcript.text, tuple(words_of(transcript.tokens)))
