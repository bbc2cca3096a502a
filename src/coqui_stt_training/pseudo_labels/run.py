"""What `pseudo_label` does after its flags are read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from functools import partial
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
    bounds = Bounds(
        flags.min_confidence,
        flags.min_characters_per_second,
        flags.max_characters_per_second,
        flags.longest_clip,
    )
    judged: list[Label | LeftOut] = [
        LeftOut(Label(recording, recording.audio, 0.0, "", 0.0), Reason.UNREADABLE, problem)
        for recording, problem in unusable
    ]
    with ResultsFile(out.with_suffix(".heard.jsonl"), KIND) as results:
        hear = partial(hear_recordings, results=results, show_progressbar=output.show_progressbar)
        audio = list(dict.fromkeys(recording.audio for recording in recordings))
        heard = hear(listener, audio, title="Transcribing")
        judged += judge(recordings, heard, measured, bounds)
        if second:
            clips = [one.audio for one in judged if isinstance(one, Label)]
            again = hear(second, clips, title="Asking the second model")
            judged = [
                disputed(one, again[one.audio], flags.max_disagreement)
                if isinstance(one, Label)
                else one
                for one in judged
            ]
    labels = [one for one in judged if isinstance(one, Label)]
    _write(out, labels, [one for one in judged if isinstance(one, LeftOut)], show)


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
