"""The cleaned list of a corpus: `--fix`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..corpus import Clip, RowFile
from ..corpus.csv_file import write_corpus_file
from ..corpus.files import content_of
from ..corpus.report import Problem, ProblemKind
from ..corpus.rows import Entry, rows_of_entries
from ..corpus.skipped_rows import write_skipped_rows
from .findings import Findings


@dataclass(frozen=True)
class Cleaned:
    """What was written.

    Attributes:
        path: the list.
        kept: how many clips it has.
        left_out: how many rows of the original it has not.
    """

    path: Path
    kept: int
    left_out: int


def write_cleaned(
    out: Path,
    files: Sequence[RowFile],
    clips: Mapping[str, Sequence[Clip]],
    findings: Findings,
    *,
    drop_suspects: bool,
) -> tuple[list[Cleaned], Path]:
    """Write the clips of each set that can be trained on, and those left out with the reasons.

    Left out are rows that cannot be used, and the same audio again: of one set the later clips; of
    several sets those in the sets named first, so that what is measured on the last is honest.

    Args:
        out: the list of one set. Several get its name with their own behind it.
        files: the sets.
        clips: of each set, those that can be used, by its path.
        findings: what was found.
        drop_suspects: whether suspected transcripts are left out, too.

    Returns:
        The lists, and the file that says what was left out.

    Raises:
        CorpusError: the folder cannot be written to.
    """
    problems = [*findings.report.row_problems, *_repeated(files, findings)]
    if drop_suspects:
        problems += [
            Problem(
                ProblemKind.FORM,
                suspect.clip.source,
                f"suspected transcript; heard: {suspect.score.hypothesis!r}",
            )
            for suspect in findings.suspects
        ]
    dropped = {problem.source for problem in problems}
    written = []
    for file, path in zip(files, _names(out, files), strict=True):
        speakers = {row.source: row.speaker for row in file.rows}
        entries = [
            Entry(clip.source, 0, clip.transcript, clip.audio, speaker=speakers[clip.source])
            for clip in clips[file.path]
            if clip.source not in dropped
        ]
        content = content_of(rows_of_entries(str(path), path.parent.absolute(), entries))
        write_corpus_file(path, content)
        written.append(Cleaned(path, len(entries), len(file.rows) - len(entries)))
    left_out = out.with_name(f"{out.stem}.left_out.csv")
    write_skipped_rows(left_out, files, problems, findings.report.bad_rows)
    return written, left_out


def _names(out: Path, files: Sequence[RowFile]) -> list[Path]:
    if len(files) == 1:
        return [out]
    names: list[Path] = []
    for file in files:
        stem = Path(file.path).stem or "set"
        candidates = [stem, *(f"{stem}-{number}" for number in range(2, len(files) + 2))]
        paths = (out.with_name(f"{out.stem}-{one}{out.suffix}") for one in candidates)
        names.append(next(path for path in paths if path not in names))
    return names


def _repeated(files: Sequence[RowFile], findings: Findings) -> list[Problem]:
    order = {row.source: index for index, file in enumerate(files) for row in file.rows}
    same = findings.survey.same_audio
    problems = []
    for group in (*same.within, *same.across):
        last = max(order[source] for source in group)
        kept = next(source for source in group if order[source] == last)
        problems += [
            Problem(ProblemKind.FORM, source, f"the same audio as {kept}")
            for source in group
            if source != kept
        ]
    return problems
