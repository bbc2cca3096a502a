"""The unlabelled recordings, the model, and the dev and test audio to keep apart from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..checking.results_file import ResultsFile
from ..cli.config import ScorerFlags
from ..cli.unlabelled_flags import UnlabelledFlags
from ..cluster.cluster import Cluster
from ..corpus import CorpusFiles, expand_file_list
from .labels import Bounds, LeftOut, PseudoLabel, Reason, judge
from .measured import MeasuredAudio, read_measured
from .recordings import UnlabelledRecording, read_recordings
from .transcriber import Transcriber, TranscriberSettings, open_transcriber, transcribe_all


@dataclass(frozen=True)
class PseudoLabelInputs:
    """The recordings to transcribe, and the model that does it.

    Attributes:
        recordings: recordings, maybe with duplicates.
        unusable: rows without usable audio, with the reasons.
        transcriber: the model.
        measured: dev and test audio, which must not be among the recordings.
    """

    recordings: Sequence[UnlabelledRecording]
    unusable: Sequence[tuple[UnlabelledRecording, str]]
    transcriber: Transcriber
    measured: MeasuredAudio

    def transcribe(
        self, bounds: Bounds, results: ResultsFile, *, title: str, show_progressbar: bool
    ) -> Iterator[PseudoLabel | LeftOut]:
        """Yield the pseudo-label of each clip, or the reason why it is left out.

        Args:
            bounds: limits that a transcript must meet.
            results: cache of earlier transcripts.
            title: title of the progress bar.
            show_progressbar: whether to show a progress bar on a terminal.
        """
        for recording, problem in self.unusable:
            nothing = PseudoLabel(recording, recording.audio, 0.0, "", 0.0)
            yield LeftOut(nothing, Reason.UNREADABLE, problem)
        audio = list(dict.fromkeys(recording.audio for recording in self.recordings))
        transcripts = transcribe_all(
            self.transcriber, audio, results=results, title=title, show_progressbar=show_progressbar
        )
        yield from judge(self.recordings, transcripts, self.measured, bounds)


def read_inputs(
    flags: UnlabelledFlags,
    decoder: ScorerFlags,
    given: frozenset[str],
    files: CorpusFiles,
    transcribed: Sequence[str] = (),
    *,
    cluster: Cluster | None = None,
) -> PseudoLabelInputs:
    """Read the collections, and load the model.

    Args:
        flags: flags about the unlabelled audio and the model.
        decoder: flags of the scorer and the beam search.
        given: names of the flags that were given.
        files: reader of collections.
        transcribed: further collections whose audio is left out.
        cluster: cluster whose workers transcribe; None: this process does.

    Raises:
        UserError: a model, set or recording cannot be read.
    """
    recordings, unusable = read_recordings(expand_file_list(flags.unlabelled_files), files)
    settings = TranscriberSettings(
        flags.checkpoint_dir, decoder, given, flags.longest_clip, flags.vad_aggressiveness
    )
    transcriber = open_transcriber(settings, cluster)
    apart = [*transcribed, *expand_file_list([*flags.dev_files, *flags.test_files])]
    measured = read_measured(apart, files, transcriber.sample_rate_hz)
    return PseudoLabelInputs(recordings, unusable, transcriber, measured)
