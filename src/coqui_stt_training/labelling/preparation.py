"""Cuts recordings into clips in the background, while people work on the first clips."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from coqui_stt_ctcdecoder.errors import UserError
from coqui_stt_ctcdecoder.regular_file import regular_file_size
from stt.terminal import printable

from ..errors import AudioError
from .clip import DeskClip, Span
from .cutting import cut_recording
from .desk import Desk
from .recording import DeskRecording

_log = logging.getLogger(__name__)
_MOST_TOLD = 50


@dataclass(frozen=True)
class Prepared:
    """How many recordings are cut.

    Attributes:
        done: number of recordings that are finished.
        of: number of all recordings.
        problems: the first recordings that cannot be used, and why.
    """

    done: int
    of: int
    problems: tuple[str, ...]


class Preparation:
    """A thread that cuts recordings, one after the other, and adds their clips to a desk.

    Args:
        desk: desk to which clips are added.
        recordings: recordings, in the order in which they are cut.
        longest_seconds: greatest length of a clip.
    """

    def __init__(
        self, desk: Desk, recordings: Sequence[DeskRecording], longest_seconds: float
    ) -> None:
        self._desk = desk
        self._recordings = recordings
        self._longest_seconds = longest_seconds
        self._done = 0
        self._problems: list[str] = []
        self._is_closed = threading.Event()
        self._thread = threading.Thread(target=self._work, name="cutting", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until all recordings are cut, but at most so many seconds."""
        self._thread.join(seconds)

    def close(self) -> None:
        """Stop at the next clip. A recording that is not finished is cut again next time."""
        self._is_closed.set()

    def progress(self) -> Prepared:
        """Return how many recordings are cut."""
        return Prepared(self._done, len(self._recordings), tuple(self._problems[:_MOST_TOLD]))

    def _work(self) -> None:
        for recording in self._recordings:
            try:
                self._cut(recording)
            except UserError as error:
                self._tell(str(error))
            except OSError as error:
                self._tell(f"{recording.name}: {error.strerror or error}")
            except Exception:  # one bad recording must not end the thread
                _log.exception("cannot cut %s", recording.audio)
                self._tell(f"{recording.name}: cannot be cut; see the log of the command")
            if self._is_closed.is_set():
                return
            self._done += 1
        try:
            self._desk.settle()
        except OSError as error:
            self._tell(f"{self._desk.data_set.path}: {error.strerror or error}")

    def _cut(self, recording: DeskRecording) -> None:
        if printable(recording.key) != recording.key:
            raise AudioError(
                f"{recording.name}: rename the file; its name cannot be written to a CSV file"
            )
        audio_bytes = _file_bytes(recording)
        before = self._desk.cut_before(recording, audio_bytes)
        spans: list[Span] = []
        for span in before or cut_recording(recording.audio, self._longest_seconds):
            if self._is_closed.is_set():
                return
            self._desk.add(DeskClip(recording, span))
            spans.append(span)
        if not spans:
            self._tell(f"{recording.name}: no speech detected")
        if before is None:
            self._desk.keep_cut(recording, audio_bytes, spans)

    def _tell(self, problem: str) -> None:
        _log.warning("%s", printable(problem))
        self._problems.append(printable(problem))


def _file_bytes(recording: DeskRecording) -> int:
    try:
        return regular_file_size(recording.audio.path)
    except FileNotFoundError:
        raise AudioError(f"{recording.name}: no such file") from None
