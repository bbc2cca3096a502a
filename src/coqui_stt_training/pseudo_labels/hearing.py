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
from stt.transcriber import Limits, Recording, transcribe_recordings

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
class Passage:
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
class Heard:
    """A recording that was heard: its digest, and its clips."""

    digest: str
    passages: tuple[Passage, ...]


# Yields recordings with what is heard in each, or why it cannot be.
Hear = Callable[[Sequence[AudioReference]], Iterable[tuple[AudioReference, Heard | UserError]]]


@dataclass(frozen=True)
class Listening:
    """A model that is to listen, and how; it can be pickled.

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

    def open(self, cores: int) -> Hear:
        """Load the model in a worker; return what hears.

        Args:
            cores: how many may be busy at a time.

        Raises:
            UserError: the model or the scorer cannot be used.
        """
        model = self.load(cores)

        def hear(
            recordings: Sequence[AudioReference],
        ) -> Iterator[tuple[AudioReference, Heard | UserError]]:
            # Where machines share no data cache, each has copies of its own.
            Mirror().fetch_all([audio.path for audio in recordings], anew=False)
            yield from _hear(model, Cutter(self.longest_seconds, self.aggressiveness), recordings)

        return hear

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
class Listener:
    """A model that listens, and what tells what it hears from what others do.

    Attributes:
        key: of the model, the scorer, and how recordings are cut.
        sample_rate_hz: of the model.
        hear: hears recordings, here or elsewhere.
    """

    key: str
    sample_rate_hz: int
    hear: Hear


def open_listener(listening: Listening, cluster: Cluster | None) -> Listener:
    """Load a model.

    Args:
        listening: which, and how it listens.
        cluster: whose workers listen; None: this process does.

    Raises:
        UserError: the model or the scorer cannot be used.
    """
    location, decoder = listening.location, listening.decoder
    model = listening.load(available_cores())
    cutter = Cutter(listening.longest_seconds, listening.aggressiveness)
    described: list[Any] = [
        state_key(Path(location)), listening.longest_seconds, listening.aggressiveness
    ]  # fmt: skip
    if decoder.scorer_path:
        described += [state_key(Path(decoder.scorer_path)), *model.scorer_alpha_beta()]
    described.append(model.beam_width())
    key = hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]
    hear: Hear = partial(_hear, model, cutter)
    if cluster:
        hear = partial(spread, listening.open, cluster=cluster)
    return Listener(key, model.sample_rate(), hear)


def hear_recordings(
    listener: Listener,
    recordings: Sequence[AudioReference],
    *,
    results: ResultsFile,
    title: str,
    show_progressbar: bool,
) -> dict[AudioReference, Heard | UserError]:
    """Hear recordings, those that the results do not hold yet; of any length, in bounded memory.

    Args:
        listener: the model.
        recordings: each once.
        results: what was heard before; is told at once of each that was heard to its end.
        title: of the progress bar.
        show_progressbar: whether to show one on a terminal.

    Returns:
        What is heard in each, or why it cannot be heard.
    """
    keys = {audio: f"{listener.key}\0{audio.key}\0{_state(audio)}" for audio in recordings}
    heard: dict[AudioReference, Heard | UserError] = {}
    for audio, key in keys.items():
        if (known := _restored(results.get(key))) is not None:
            heard[audio] = known
    missing = [audio for audio in recordings if audio not in heard]
    with ProgressBar(title, len(missing), show_progressbar, unit="file") as bar:
        for audio, found in listener.hear(missing):
            heard[audio] = found
            if isinstance(found, Heard):
                results.add(keys[audio], [asdict(found)])
                results.flush()
            bar.advance(1)
    return heard


def _hear(
    model: Model, cutter: Cutter, recordings: Sequence[AudioReference]
) -> Iterator[tuple[AudioReference, Heard | UserError]]:
    sources: Mapping[Source, AudioReference] = {audio: audio for audio in recordings}
    done: Iterator[Recording] = transcribe_recordings(model, list(sources), Limits(), cut=cutter)
    for one in done:
        digest = cutter.digests.pop(one.source, "")
        if one.error is not None:
            yield sources[one.source], one.error
            continue
        passages = (
            Passage(
                part.start_milliseconds / 1000,
                part.end_milliseconds / 1000,
                " ".join(part.text.split()),
                round(part.confidence, 4),
            )
            for part in one.passages
        )
        yield sources[one.source], Heard(digest, tuple(passages))


def _state(audio: AudioReference) -> str:
    try:
        status = audio.path.stat()
    except OSError:
        return ""  # it will be reported as one that cannot be read
    return f"{status.st_size} {status.st_mtime_ns}"


def _restored(values: list[Any] | None) -> Heard | None:
    """Return what a line of the results says; None where it is not ours."""
    try:
        (value,) = values or [None]
        passages = tuple(restore(Passage, part) for part in value["passages"])
        return Heard(str(value["digest"]), passages)
    except (ValueError, TypeError, KeyError):
        return None
