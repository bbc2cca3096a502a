"""What `pseudo_label` does after its flags are read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stt.counted import counted

from ..checking.results_file import ResultsFile
from ..corpus import CorpusFiles, expand_file_list
from ..errors import UserError
from .hearing import KIND, hear_recordings, open_listener
from .labels import Bounds, Label, LeftOut, Reason, disputed, judge
from .measured import read_measured
from .outcome import summary, write_labels, write_left_out
from .recordings import read_recordings

if TYPE_CHECKING:
    from ..cli.config import LogFlags, ScorerFlags
    from ..pseudo_label import LabelFlags


def run_labelling(
    flags: LabelFlags,
    decoder: ScorerFlags,
    output: LogFlags,
    given: frozenset[str],
    show: Callable[[str], object],
) -> None:
    """Transcribe what is to be transcribed, and write what is worth it.

    Args:
        flags: what is asked for.
        decoder: how to search for text.
        output: of the log and progress.
        given: names of the flags that were given.
        show: is given what there is to say.

    Raises:
        UserError: models, sets or recordings that cannot be read; no transcript that is kept.
    """
    files, out = CorpusFiles(), Path(flags.out)
    recordings, unusable = read_recordings(expand_file_list(flags.unlabelled_files), files)
    left_out = [
        LeftOut(Label(recording, recording.audio, 0.0, "", 0.0), Reason.UNREADABLE, problem)
        for recording, problem in unusable
    ]
    listener = open_listener(
        flags.checkpoint_dir, decoder, given, flags.longest_clip, flags.vad_aggressiveness
    )
    second = (
        open_listener(flags.second_model, decoder, given, float("inf"), flags.vad_aggressiveness)
        if flags.second_model
        else None
    )
    measured = read_measured(
        expand_file_list([*flags.dev_files, *flags.test_files]),
        files,
        listener.model.sample_rate(),
    )
    labels: list[Label] = []

    def sort(found: Label | LeftOut) -> None:
        (left_out if isinstance(found, LeftOut) else labels).append(found)  # type: ignore[arg-type]

    with ResultsFile(out.with_suffix(".heard.jsonl"), KIND) as results:
        audio = list(dict.fromkeys(recording.audio for recording in recordings))
        shown = output.show_progressbar
        heard = hear_recordings(
            listener, audio, results, title="Transcribing", show_progressbar=shown
        )
        bounds = Bounds(
            flags.min_confidence,
            flags.min_characters_per_second,
            flags.max_characters_per_second,
            flags.longest_clip,
        )
        for found in judge(recordings, heard, measured, bounds):
            sort(found)
        if second:
            chosen, labels = labels, []
            clips = [label.audio for label in chosen]
            again = hear_recordings(
                second, clips, results, title="Asking the second model", show_progressbar=shown
            )
            for label in chosen:
                sort(disputed(label, again.__getitem__, flags.max_disagreement))
    _write(out, labels, left_out, show)


def _write(
    out: Path,
    labels: Sequence[Label],
    left_out: Sequence[LeftOut],
    show: Callable[[str], object],
) -> None:
    list_of_left_out = out.with_suffix(".left_out.csv")
    write_left_out(list_of_left_out, left_out)
    lines = list(summary(out, list_of_left_out, labels, left_out))
    if not labels:
        raise UserError(
            "\n".join([f"of {counted(len(left_out), 'clip')} not one is kept:", *lines[1:]])
        )
    write_labels(out, labels)
    for line in lines:
        show(line)
    name = shlex.quote(str(out))
    show(
        "To train on them beside your own, a third of each epoch: python -m "
        f"coqui_stt_training.train --train_files my-train.csv {name}:0.33 ..."
    )
