"""What a model hears in recordings, kept as it is heard, so that each is heard once."""

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
# Without a language model there is little to search for.
_BEAM_WIDTH_WITHOUT_SCORER = 32


@dataclass(frozen=True)
class ClipTranscript:
    """A clip of a recording, and what a model hears in it.

    Attributes:
        start_seconds: where in the recording it begins.
        end_seconds: where it ends.
        text: what is heard.
        confidence: how sure the model is of it, 0 to 1.
    """

    start_seconds: float
    end_seconds: float
    text: str
    confidence: float


@dataclass(frozen=True)
class RecordingTranscript:
    """A recording that was transcribed: its digest, and its clips."""

    digest: str
    passages: tuple[ClipTranscript, ...]


# Yields recordings with what is heard in each, or why it cannot be.
Transcribe = Callable[
    [Sequence[AudioReference]], Iterable[tuple[AudioReference, RecordingTranscript | UserError]]
]


@dataclass(frozen=True)
class TranscriberSettings:
    """A model that is to transcribe, and how; it can be pickled.

    Attributes:
        location: a checkpoint folder or an exported model.
        decoder: the scorer, and how to search.
        given: names of the flags that were given.
        longest_seconds: of a clip.
        aggressiveness: how readily sound is taken for a pause, 0 to 3.
    """

    location: str
    decoder: ScorerFlags
    given: frozenset[str]
    longest_seconds: float
    aggressiveness: int

    def open(self, cores: int) -> Transcribe:
        """Load the model in a worker; return what transcribes.

        Args:
            cores: how many may be busy at a time.

        Raises:
            UserError: the model or the scorer cannot be used.
        """
        model = self.load(cores)

        def transcribe(
            recordings: Sequence[AudioReference],
        ) -> Iterator[tuple[AudioReference, RecordingTranscript | UserError]]:
            # Where machines share no data cache, each has copies of its own.
            Mirror().fetch_all([audio.path for audio in recordings], anew=False)
            yield from _transcribe(
                model, Cutter(self.longest_seconds, self.aggressiveness), recordings
            )

        return transcribe

    def load(self, cores: int) -> Model:
        """Load the model, with its scorer.

        Raises:
            UserError: it cannot be used.
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
    """A model that transcribes, and what tells its transcripts from those of others.

    Attributes:
        key: of the model, the scorer, and how recordings are cut.
        sample_rate_hz: of the model.
        transcribe: transcribes recordings, here or elsewhere.
    """

    key: str
    sample_rate_hz: int
    transcribe: Transcribe


def open_transcriber(settings: TranscriberSettings, cluster: Cluster | None) -> Transcriber:
    """Load a model.

    Args:
        settings: which, and how it transcribes.
        cluster: whose workers transcribe; None: this process does.

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
    """Transcribe the recordings that the results do not hold yet, in bounded memory.

    Args:
        transcriber: the model.
        recordings: each once.
        results: what was heard before; is told at once of each that was heard to its end.
        title: of the progress bar.
        show_progressbar: whether to show one on a terminal.

    Returns:
        What is heard in each, or why it cannot be heard.
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
        return ""  # it will be reported as one that cannot be read
    return f"{status.st_size} {status.st_mtime_ns}"


def _restored(values: list[Any] | None) -> RecordingTranscript | None:
    """Return what a line of the results says; None where it is not ours."""
    try:
        (value,) = values or [None]
        passages = tuple(restore(ClipTranscript, part) for part in value["passages"])
        return RecordingTranscript(str(value["digest"]), passages)
    except (ValueError, TypeError, KeyError):
        return None
