"""The work of `select_clips`, once its flags are read."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from stt.counted import counted
from stt.durations import say_audio_length

from ..checking.results_file import ResultsFile
from ..corpus import CorpusFiles, expand_file_list
from ..corpus.csv_file import write_corpus_file
from ..errors import UserError
from ..pseudo_labels.inputs import read_inputs
from ..pseudo_labels.labels import Bounds, LeftOut, PseudoLabel, Reason
from ..pseudo_labels.outcome import write_labels
from ..pseudo_labels.transcriber import KIND
from .value import Candidate, ChosenClip, choose, why

if TYPE_CHECKING:
    from ..select_clips import SelectionConfig, SelectionFlags

_SHOWN = 5


def run_selection(
    config: SelectionConfig, given: frozenset[str], show: Callable[[str], object]
) -> None:
    """Transcribe the recordings with the model, and write the clips most worth labelling.

    Args:
        config: all flags.
        given: names of the flags that were given.
        show: called with each line of output.

    Raises:
        UserError: a model, set or recording cannot be read, or there is nothing to choose from.
    """
    flags, files, out = config.selection, CorpusFiles(), Path(config.selection.out)
    train = expand_file_list(flags.train_files)
    cluster = config.cluster.chosen()
    inputs = read_inputs(config.unlabelled, config.decoder, given, files, train, cluster=cluster)
    bounds = Bounds(0, 0, float("inf"), float("inf"))
    show_bars = config.output.show_progressbar
    with ResultsFile(out.with_suffix(".heard.jsonl"), KIND) as results:
        judged = list(
            inputs.transcribe(bounds, results, title="Listening", show_progressbar=show_bars)
        )
    labels = [one for one in judged if isinstance(one, PseudoLabel)]
    left_out = [one for one in judged if isinstance(one, LeftOut)]
    candidates = [Candidate(label.text, label.confidence, label.seconds) for label in labels]
    known = (row.transcript for path in train for row in files.rows(path).rows)
    chosen = list(_within(choose(candidates, known), labels, flags))
    if not chosen:
        raise UserError(f"nothing to choose from: {_remainder(left_out)}")
    clips = [labels[choice.index] for choice in chosen]
    reasons = [why(choice, candidates[choice.index]) for choice in chosen]
    _write(out, clips, [f"{choice.value:.4f}" for choice in chosen], reasons)
    seconds = sum(clip.seconds for clip in clips)
    show(
        f"Chosen: {len(clips)} of {counted(len(labels), 'clip')}, {say_audio_length(seconds)}: "
        f"{out}"
    )
    for clip, reason in islice(zip(clips, reasons, strict=True), _SHOWN):
        show(f"  {clip.audio}: {reason}")
    if out.suffix == ".csv":
        words = shlex.join([str(out), "--model", config.unlabelled.checkpoint_dir])
        show(
            "To transcribe them on a web page, starting from the model's drafts: stt label "
            f"{words} --out data.csv")  # fmt: skip
    if left_out:
        show(f"Not considered: {_remainder(left_out)}")


def _within(
    choices: Iterable[ChosenClip], labels: Sequence[PseudoLabel], flags: SelectionFlags
) -> Iterator[ChosenClip]:
    """Yield the first choices, up to the number or the minutes that the flags ask for."""
    seconds = 0.0
    for number, choice in enumerate(choices):
        if flags.count and number == flags.count:
            return
        if flags.minutes and seconds >= 60 * flags.minutes:
            return
        seconds += labels[choice.index].seconds
        yield choice


def _write(
    out: Path, clips: Sequence[PseudoLabel], values: Sequence[str], reasons: Sequence[str]
) -> None:
    """Write the names of the recordings, or a CSV file with hypotheses, values and reasons."""
    if out.suffix == ".txt":
        names = dict.fromkeys(str(clip.recording.audio.path) for clip in clips)
        write_corpus_file(out, "".join(f"{name}\n" for name in names).encode())
        return
    write_labels(out, clips, {"value": values, "why": reasons})


def _remainder(left_out: Sequence[LeftOut]) -> str:
    """Return in words why clips were left out."""
    words = {
        Reason.MEASURED: "in the given sets",
        Reason.REPEATED: "duplicates",
        Reason.EMPTY: "with an empty transcript",
        Reason.UNREADABLE: "unreadable",
    }
    counts = Counter(one.reason for one in left_out)
    parts = [f"{counts[reason]} {said}" for reason, said in words.items() if counts[reason]]
    return ", ".join(parts) or "the model is confident in every clip"
