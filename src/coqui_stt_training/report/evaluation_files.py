"""Report files of an evaluation; the suffix chooses the format: HTML, JSON or CSV."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from stt.atomic_file import remove_partial_files, write_atomically
from stt.counted import some_of
from stt.output_path import check_output_file

from ..cli.report_flags import ReportFlags
from ..errors import CorpusError, FlagError
from .breakdown import rates
from .clip_media import ClipMedia, worst_clips
from .clips import ModelResults, as_csv, as_json, read_model_results, same_clips
from .evaluation_page import compare, evaluation_page

SUFFIXES = (".html", ".json", ".csv")


def check_report_flags(flags: ReportFlags) -> None:
    """Check that reports can be written, and that the reports to compare with can be read.

    Raises:
        FlagError: a suffix is unknown, a file cannot be written, or `--compare` is given without
            `--report`.
        CorpusError: a report to compare with is missing or damaged.
    """
    for path in flags.report:
        if Path(path).suffix.lower() not in SUFFIXES:
            raise FlagError(
                f"--report {path}: unknown format; the name must end in {', '.join(SUFFIXES)}"
            )
        check_output_file("--report", path)
    if flags.compare and not flags.report:
        raise FlagError("--compare needs an HTML page: --report report.html")
    for path in flags.compare:
        read_model_results(path)


def write_reports(
    flags: ReportFlags, results: ModelResults, media_of: Callable[[int], ClipMedia] | None = None
) -> None:
    """Write the files of `--report`.

    Args:
        flags: files to write, and reports to compare with.
        results: results of the model on all clips.
        media_of: returns audio and posteriors of a clip by its number; None: the page has none.

    Raises:
        FlagError: a file cannot be written.
        CorpusError: a report to compare with is missing or damaged, or the models have no clip in
            common.
    """
    sets = [results, *map(read_model_results, flags.compare)]
    names = Counter(one.model for one in sets)
    for number, path in enumerate(flags.compare, 1):
        if names[sets[number].model] > 1:  # for instance the same model with another scorer
            sets[number] = replace(sets[number], model=f"{sets[number].model} ({Path(path).stem})")
    problem = None
    try:
        same_clips(sets)
    except CorpusError as error:  # write the results all the same: they took long to compute
        problem, sets = error, [results]
    for path in flags.report:
        write_report(path, sets, media_of, flags.report_clips)
    if problem:
        raise CorpusError(f"{problem}. Written without a comparison: {some_of(flags.report)}")


def write_report(
    path: str | Path,
    sets: Sequence[ModelResults],
    media_of: Callable[[int], ClipMedia] | None = None,
    media_count: int = 0,
) -> None:
    """Write one report about one or several models; see `write_reports`.

    Raises:
        FlagError: the file cannot be written.
        CorpusError: the models have no clip in common.
    """
    kind = Path(path).suffix.lower()
    if kind == ".csv":
        text = as_csv(sets)
    elif kind == ".json":
        text = as_json(sets[0], _summary(sets))
    else:
        text = _page(Path(path), sets, media_of, media_count)
    try:
        remove_partial_files(Path(path).parent, Path(path).name)
        write_atomically(path, text)
    except OSError as error:
        reason = error.strerror or error
        raise FlagError(f"--report {path}: cannot be written ({reason})") from None


def _summary(sets: Sequence[ModelResults]) -> dict[str, object]:
    wer, cer = rates(sets[0].clips)
    summary: dict[str, object] = {
        "wer_interval": [wer.low, wer.high],
        "cer_interval": [cer.low, cer.high],
    }
    if len(sets) > 1:
        pairs = combinations(same_clips(sets), 2)
        summary["comparisons"] = [compare(one, other) for one, other in pairs]
    return summary


def _page(
    path: Path,
    sets: Sequence[ModelResults],
    media_of: Callable[[int], ClipMedia] | None,
    media_count: int,
) -> str:
    shared = same_clips(sets)
    numbers = {id(clip): number for number, clip in enumerate(sets[0].clips)}

    def media() -> Iterator[tuple[int, ClipMedia]]:
        for number in worst_clips(shared[0].clips, media_count):
            if media_of is not None:
                yield number, media_of(numbers[id(shared[0].clips[number])])

    title = "Comparison of models" if len(sets) > 1 else f"Evaluation of {sets[0].model}"
    return evaluation_page(
        shared,
        media(),
        title=title,
        left_out=max(len(one.clips) for one in sets) - len(shared[0].clips),
        folder=os.path.relpath(Path.cwd(), path.absolute().parent),
    )
