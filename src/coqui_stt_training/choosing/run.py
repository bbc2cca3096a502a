"""What `select_clips` does after its flags are read."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stt.counted import counted
from stt.durations import say_audio_length

from ..checking.results_file import ResultsFile
from ..corpus import CorpusFiles, expand_file_list
from ..corpus.csv_file import write_corpus_file, write_csv
from ..corpus.rows import Entry, rows_of_entries
from ..errors import UserError
from ..pseudo_labels.hearing import KIND
from ..pseudo_labels.inputs import read_inputs
from ..pseudo_labels.labels import Bounds, Label, LeftOut, Reason
from .value import Candidate, Choice, choose, why

if TYPE_CHECKING:
    from ..select_clips import SelectionConfig, SelectionFlags

_SHOWN = 5


def run_selection(
    config: SelectionConfig, given: frozenset[str], show: Callable[[str], object]
) -> None:
    """Hear what is to be heard, and write what is worth transcribing.

    Args:
        config: what is asked for.
        given: names of the flags that were given.
        show: is given what there is to say.

    Raises:
        UserError: models, sets or recordings that cannot be read; nothing to choose from.
    """
    flags, files, out = config.selection, CorpusFiles(), Path(config.selection.out)
    train = expand_file_list(flags.train_files)
    inputs = read_inputs(config.hearing, config.decoder, given, files, train)
    bounds = Bounds(0, 0, float("inf"), float("inf"))
    show_bars = config.output.show_progressbar
    with ResultsFile(out.with_suffix(".heard.jsonl"), KIND) as results:
        judged = list(inputs.hear(bounds, results, title="Listening", show_progressbar=show_bars))
    labels = [one for one in judged if isinstance(one, Label)]
    left_out = [one for one in judged if isinstance(one, LeftOut)]
    candidates = [Candidate(label.text, label.confidence, label.seconds) for label in labels]
    known = (row.transcript for path in train for row in files.rows(path).rows)
    chosen = list(_within(choose(candidates, known), labels, flags))
    if not chosen:
        raise UserError(f"nothing to choose from: {_remainder(left_out)}")
    _write(out, chosen, labels, candidates)
    _tell(out, config.hearing.checkpoint_dir, chosen, labels, candidates, show)
    if left_out:
        show(f"Not among them: {_remainder(left_out)}")


def _within(
    choices: Iterable[Choice], labels: Sequence[Label], flags: SelectionFlags
) -> Iterator[Choice]:
    """Yield the first choices, as many as were asked for."""
    seconds = 0.0
    for number, choice in enumerate(choices):
        if flags.count and number == flags.count:
            return
        if flags.minutes and seconds >= 60 * flags.minutes:
            return
        seconds += labels[choice.index].seconds
        yield choice


def _write(
    out: Path, chosen: Sequence[Choice], labels: Sequence[Label], candidates: Sequence[Candidate]
) -> None:
    """Write the list: names, or a CSV file with what the model hears and why each was chosen."""
    if out.suffix == ".txt":
        names = dict.fromkeys(str(labels[choice.index].recording.audio.path) for choice in chosen)
        write_corpus_file(out, "".join(f"{name}\n" for name in names).encode())
        return
    entries = [
        Entry(label.recording.source, 0, label.text, label.audio, speaker=label.recording.speaker)
        for choice in chosen
        for label in [labels[choice.index]]
    ]
    file = rows_of_entries(str(out), out.parent.absolute(), entries)
    rows = [
        (*row.fields, f"{candidates[choice.index].confidence:.4f}", f"{choice.value:.4f}",
         why(choice, candidates[choice.index]))
        for row, choice in zip(file.rows, chosen, strict=True)
    ]  # fmt: skip
    write_csv(out, (*file.columns, "confidence", "value", "why"), rows)


def _tell(
    out: Path,
    model: str,
    chosen: Sequence[Choice],
    labels: Sequence[Label],
    candidates: Sequence[Candidate],
    show: Callable[[str], object],
) -> None:
    seconds = sum(labels[choice.index].seconds for choice in chosen)
    show(
        f"Chosen: {len(chosen)} of {counted(len(labels), 'clip')}, {say_audio_length(seconds)}: "
        f"{out}"
    )
    for choice in chosen[:_SHOWN]:
        show(f"  {labels[choice.index].audio}: {why(choice, candidates[choice.index])}")
    if out.suffix == ".csv":
        names = shlex.join([str(out), "--model", model])
        show(f"To transcribe them on a page, with what the model hears as drafts: stt label {names}"
             " --out data.csv")  # fmt: skip


def _remainder(left_out: Sequence[LeftOut]) -> str:
    """Say what became of clips that could not be chosen."""
    words = {
        Reason.MEASURED: "in sets that were given",
        Reason.REPEATED: "there more than once",
        Reason.EMPTY: "without a word",
        Reason.UNREADABLE: "that cannot be read",
    }
    counts = Counter(one.reason for one in left_out)
    parts = [f"{counts[reason]} {said}" for reason, said in words.items() if counts[reason]]
    return ", ".join(parts) or "the model is sure of every clip"
