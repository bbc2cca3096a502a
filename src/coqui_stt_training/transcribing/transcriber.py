"""Transcribes recordings with a model, in this process or in a worker."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath

from stt import Model
from stt.audio.mono import Source
from stt.transcriber import BatchLimits, TranscribedRecording, transcribe_recordings

from ..corpus.stores import Stores
from ..errors import CorpusError, UserError
from .opening import ModelChoice
from .place import Place

_FETCHED_AHEAD = 4


@dataclass(frozen=True)
class TranscriptionSettings:
    """How recordings are transcribed. It can be pickled.

    Attributes:
        choice: the model.
        limits: limits of a batch in memory.
        aggressiveness: aggressiveness of the voice activity detection, 0 to 3.
        any_sample_rate: whether audio with another sample rate than the model's is resampled.
    """

    choice: ModelChoice
    limits: BatchLimits
    aggressiveness: int
    any_sample_rate: bool

    def open(self, cores: int) -> RecordingTranscriber:
        """Load the model.

        Raises:
            UserError: the model cannot be used.
        """
        return RecordingTranscriber(self, self.choice.open(cores))


@dataclass(frozen=True)
class RecordingTranscriber:
    """A model that transcribes recordings."""

    settings: TranscriptionSettings
    model: Model

    def __call__(
        self, places: Sequence[Place]
    ) -> Iterator[tuple[Place, TranscribedRecording | UserError]]:
        """Yield each recording with its transcript or error, in the order in which they finish."""
        with tempfile.TemporaryDirectory() as folder:
            fetched = _Fetched(places, Path(folder))
            recordings = transcribe_recordings(
                self.model,
                fetched,
                self.settings.limits,
                aggressiveness=self.settings.aggressiveness,
                any_sample_rate=self.settings.any_sample_rate,
            )
            for recording in recordings:
                place = fetched.release(recording.source)
                if recording.error is None:
                    yield place, replace(recording, source=place)
                else:
                    message = str(recording.error)
                    yield place, UserError(message.replace(str(recording.source), str(place)))
            yield from fetched.failed


@dataclass
class _Fetched(Iterable[Source]):
    """Recordings as local files. URLs are copied a few recordings ahead.

    Attributes:
        places: places of all recordings.
        folder: folder for the copies.
        failed: recordings that could not be fetched, with the errors.
    """

    places: Sequence[Place]
    folder: Path
    failed: list[tuple[Place, UserError]] = field(default_factory=list)
    _places: dict[Source, Place] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Source]:
        upcoming = enumerate(self.places)
        ahead: deque[tuple[Place, Future[Path]]] = deque()
        with ThreadPoolExecutor(_FETCHED_AHEAD) as pool:
            while True:
                for number, place in islice(upcoming, _FETCHED_AHEAD - len(ahead)):
                    ahead.append((place, pool.submit(self._fetch, number, place)))
                if not ahead:
                    return
                place, copy = ahead.popleft()
                try:
                    file = copy.result()
                except CorpusError as error:
                    self.failed.append((place, error))
                    continue
                self._places[file] = place
                yield file

    def _fetch(self, number: int, place: Place) -> Path:
        if isinstance(place, Path):
            return place
        copy = self.folder / f"{number}{PurePosixPath(place).suffix}"
        Stores().copy(place, copy)
        return copy

    def release(self, source: Source) -> Place:
        """Return the place of a recording; if that is a URL, remove the copy."""
        place = self._places[source]
        if isinstance(place, str):
            Path(str(source)).unlink()
        return place
