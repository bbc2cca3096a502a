"""Transcribes unlabelled recordings, and saves each transcript at once, so that work can resume."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from stt import Model
from stt.audio.mono import Source
from stt.audio.reference import AudioReference
from stt.cores import available_cores
from stt.plain_values import restore
from stt.transcriber import BatchLimits, TranscribedRecording, transcribe_recordings

from ..checking.results_file import ResultsFile, state_key
from ..cli.config import ScorerFlags
from ..cli.progress_bar import ProgressBar
from ..cluster.cluster import Cluster
from ..cluster.spread import spread
from ..corpus.remote import Mirror
from ..errors import UserError
from .pieces import Cutter

KIND = "coqui-stt pseudo_label 1"
# Without a language model, a wide beam gains little.
_BEAM_WIDTH_WITHOUT_SCORER = 32


@dataclass(frozen=True)
class ClipTranscript:
    """A clip of a recording, and its transcript.

    Attributes:
        start_seconds: start of the clip in the recording.
        end_seconds: end of the clip in the recording.
        text: the transcript.
        confidence: confidence of the model, 0 to 1.
    """

    start_seconds: float
    end_seconds: float
    text: str
    confidence: float


@dataclass(frozen=True)
class RecordingTranscript:
    """The digest of a recording's audio, and the transcripts of its clips."""

    digest: str
    passages: tuple[ClipTranscript, ...]


# Transcribes recordings: yields each with its transcript or error.
Transcribe = Callable[
    [Sequence[AudioReference]], Iterable[tuple[AudioReference, RecordingTranscript | UserError]]
]


@dataclass(frozen=True)
class TranscriberSettings:
    """Which model transcribes, and how. It can be pickled.

    Attributes:
        location: a checkpoint folder or an exported model.
        decoder: flags of the scorer and the beam search.
        given: names of the flags that were given.
        longest_seconds: greatest duration of a clip.
        aggressiveness: aggressiveness of the voice activity detection, 0 to 3.
    """

    location: str
    decoder: ScorerFlags
    given: frozenset[str]
    longest_seconds: float
    aggressiveness: int

    def open(self, cores: int) -> Transcribe:
        """Load the model in a worker; return the function that transcribes.

        Args:
            cores: number of cores to use.

        Raises:
            UserError: the model or the scorer cannot be used.
        """
        model = self.load(cores)

        def transcribe(
            recordings: Sequence[AudioReference],
        ) -> Iterator[tuple[AudioReference, RecordingTranscript | UserError]]:
            # If machines share no data cache, each needs its own copies of remote files.
            Mirror().fetch_all([audio.path for audio in recordings], anew=False)
            yield from _transcribe(
                model, Cutter(self.longest_seconds, self.aggressiveness), recordings
            )

        return transcribe

    def load(self, cores: int) -> Model:
        """Load the model, with its scorer.

        Raises:
            UserError: the model or the scorer cannot be used.
        """
        model = Model(self.location, threads=1, parallel=cores)
        if self.decoder.scorer_path:
            weights = self.decoder.weights(self.given)
            model.enable_external_scorer(self.decoder.scorer_path, *weights)
        if "beam_width" in self.given:
            model.set_beam_width(self.decoder.beam_width)
        elif not self.decoder.scorer_path:
            model.set_beam_width(_BEAM_WIDTH_WITHOUT_SCORER)
        return model


@dataclass(frozen=True)
class Transcriber:
    """A model that transcribes, and the key of its transcripts in the cache.

    Attributes:
        key: digest of the model, the scorer, the beam width, and how recordings are cut.
        sample_rate_hz: sample rate of the model.
        transcribe: function that transcribes recordings, here or in workers.
    """

    key: str
    sample_rate_hz: int
    transcribe: Transcribe


def open_transcriber(settings: TranscriberSettings, cluster: Cluster | None) -> Transcriber:
    """Load a model.

    Args:
        settings: which model, and how it transcribes.
        cluster: cluster whose workers transcribe; None: this process does.

    Raises:
        UserError: the model or the scorer cannot be used.
    """
    location, decoder = settings.location, settings.decoder
    model = settings.load(available_cores())
    cutter = Cutter(settings.longest_seconds, settings.aggressiveness)
    described: list[Any] = [
        state_key(Path(location)), settings.longest_seconds, settings.aggressiveness
    ]  # fmt: skip
    if decoder.scorer_path:
        described += [state_key(Path(decoder.scorer_path)), *model.scorer_alpha_beta()]
    described.append(model.beam_width())
    key = hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]
    transcribe: Transcribe = partial(_transcribe, model, cutter)
    if cluster:
        transcribe = partial(spread, settings.open, cluster=cluster)
    return Transcriber(key, model.sample_rate(), transcribe)


def transcribe_all(
    transcriber: Transcriber,
    recordings: Sequence[AudioReference],
    *,
    results: ResultsFile,
    title: str,
    show_progressbar: bool,
) -> dict[AudioReference, RecordingTranscript | UserError]:
    """Transcribe the recordings that are not in the cache, in bounded memory.

    Args:
        transcriber: the model.
        recordings: recordings, each once.
        results: cache of transcripts; each new transcript is added at once.
        title: title of the progress bar.
        show_progressbar: whether to show a progress bar on a terminal.

    Returns:
        The transcript or error of each recording.
    """
    keys = {audio: f"{transcriber.key}\0{audio.key}\0{_state(audio)}" for audio in recordings}
    transcripts: dict[AudioReference, RecordingTranscript | UserError] = {}
    for audio, key in keys.items():
        if (known := _restored(results.get(key))) is not None:
            transcripts[audio] = known
    missing = [audio for audio in recordings if audio not in transcripts]
    with ProgressBar(title, len(missing), show_progressbar, unit="file") as bar:
        for audio, found in transcriber.transcribe(missing):
            transcripts[audio] = found
            if isinstance(found, RecordingTranscript):
                results.add(keys[audio], [asdict(found)])
                results.flush()
            bar.advance(1)
    return transcripts


def _transcribe(
    model: Model, cutter: Cutter, recordings: Sequence[AudioReference]
) -> Iterator[tuple[AudioReference, RecordingTranscript | UserError]]:
    sources: Mapping[Source, AudioReference] = {audio: audio for audio in recordings}
    done: Iterator[TranscribedRecording] = transcribe_recordings(
        model, list(sources), BatchLimits(), cut=cutter
    )
    for one in done:
        digest = cutter.digests.pop(one.source, "")
        if one.error is not None:
            yield sources[one.source], one.error
            continue
        passages = (
            ClipTranscript(
                part.start_milliseconds / 1000,
                part.end_milliseconds / 1000,
                " ".join(part.text.split()),
                round(part.confidence, 4),
            )
            for part in one.passages
        )
        yield sources[one.source], RecordingTranscript(digest, tuple(passages))


def _state(audio: AudioReference) -> str:
    try:
        status = audio.path.stat()
    except OSError:
        return ""  # the error is reported when it is read
    return f"{status.st_size} {status.st_mtime_ns}"


def _restored(values: list[Any] | None) -> RecordingTranscript | None:
    """Return the transcript in an entry of the cache; None: there is none, or it is malformed."""
    try:
        (value,) = values or [None]
        passages = tuple(restore(ClipTranscript, part) for part in value["passages"])
        return RecordingTranscript(str(value["digest"]), passages)
    except (ValueError, TypeError, KeyError):
        return None
