"""The work of `pseudo_label`, once its flags are read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stt.counted import counted

from ..checking.results_file import ResultsFile
from ..corpus import CorpusFiles
from ..errors import UserError
from .inputs import read_inputs
from .labels import Bounds, LeftOut, PseudoLabel, Reason, disputed
from .outcome import summary, write_labels, write_left_out
from .transcriber import KIND, TranscriberSettings, open_transcriber, transcribe_all

if TYPE_CHECKING:
    from ..pseudo_label import PseudoLabelConfig

# Reasons that concern the transcript, not the recording.
_OF_MODEL = frozenset({Reason.EMPTY, Reason.RATE, Reason.UNSURE, Reason.DISPUTED})


def run_labelling(
    config: PseudoLabelConfig, given: frozenset[str], show: Callable[[str], object]
) -> None:
    """Transcribe the unlabelled recordings, and write the transcripts that are good enough.

    Args:
        config: all flags.
        given: names of the flags that were given.
        show: called with each line of output.

    Raises:
        UserError: a model, set or recording cannot be read, or no transcript is kept.
    """
    flags, unlabelled, out = config.labels, config.unlabelled, Path(config.labels.out)
    cluster = config.cluster.chosen()
    settings = TranscriberSettings(
        flags.second_model, config.decoder, given, float("inf"), unlabelled.vad_aggressiveness
    )
    second = open_transcriber(settings, cluster) if flags.second_model else None
    inputs = read_inputs(unlabelled, config.decoder, given, CorpusFiles(), cluster=cluster)
    bounds = Bounds(
        flags.min_confidence,
        flags.min_characters_per_second,
        flags.max_characters_per_second,
        unlabelled.longest_clip,
    )
    show_bars = config.output.show_progressbar
    with ResultsFile(out.with_suffix(".heard.jsonl"), KIND) as results:
        judged = list(
            inputs.transcribe(bounds, results, title="Transcribing", show_progressbar=show_bars)
        )
        if second:
            clips = [one.audio for one in judged if isinstance(one, PseudoLabel)]
            again = transcribe_all(
                second, clips, results=results, title="Transcribing with the second model",
                show_progressbar=show_bars,
            )  # fmt: skip
            judged = [
                disputed(one, again[one.audio], flags.max_disagreement)
                if isinstance(one, PseudoLabel)
                else one
                for one in judged
            ]
    labels = [one for one in judged if isinstance(one, PseudoLabel)]
    _write(out, labels, [one for one in judged if isinstance(one, LeftOut)], show)


def _write(
    out: Path,
    labels: Sequence[PseudoLabel],
    left_out: Sequence[LeftOut],
    show: Callable[[str], object],
) -> None:
    list_of_left_out = out.with_suffix(".left_out.csv")
    write_left_out(list_of_left_out, left_out)
    lines = list(summary(out, list_of_left_out, labels, left_out))
    if not labels:
        nothing = f"of {counted(len(left_out), 'clip')} none is kept:"
        raise UserError("\n".join([nothing, *lines[1:], *_advice(list_of_left_out, left_out)]))
    write_labels(out, labels)
    for line in lines:
        show(line)
    name = shlex.quote(str(out))
    show(
        "To train on them together with your data, as a third of each epoch: python -m "
        f"coqui_stt_training.train --train_files my-train.csv {name}:0.33 ..."
    )


def _advice(list_of_left_out: Path, left_out: Sequence[LeftOut]) -> list[str]:
    """Return advice for the case that no transcript of the model is kept."""
    if _OF_MODEL.isdisjoint(one.reason for one in left_out):
        return []
    return [
        f"Read the transcripts in {list_of_left_out}. If they are nearly right, relax the "
        "thresholds above; if not, use a scorer (--scorer_path), or train the model on more "
        "transcripts first: python -m coqui_stt_training.select_clips chooses clips for that"
    ]
