"""Audio whose transcripts are not read, and what must not be in it: what is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from stt.counted import counted, first_lines

from ..errors import CorpusError
from .clip import Clip
from .manifest import Manifest
from .rows import TRANSCRIPT_COLUMN, Row, RowFile
from .same_audio import same_audio

_SHOWN = 5


def without_transcripts(file: RowFile) -> RowFile:
    """Return the rows as they are, but for their transcripts, and what is wrong with these."""
    if isinstance(file.rows, Manifest):
        return replace(file, rows=file.rows.hiding(TRANSCRIPT_COLUMN).changed(_unlabelled))
    return replace(file, rows=tuple(map(_unlabelled, file.rows)))


def _unlabelled(row: Row) -> Row:
    return replace(row, transcript="", problem=None if row.audio else row.problem)


def refuse_measured_audio(unlabelled: Sequence[Clip], measured: Iterable[Clip]) -> None:
    """See that no recording that error rates are measured on is trained on, by any name.

    Raises:
        CorpusError: some are; names them.
    """
    shared = same_audio(unlabelled, measured) if unlabelled else []
    if not shared:
        return
    lines = [f"{clip.source} is {other.source}" for clip, other in shared]
    shown = "\n  ".join(first_lines(lines, _SHOWN))
    raise CorpusError(
        f"{counted(len(shared), 'recording')} of --unlabelled_files "
        f"{'is' if len(shared) == 1 else 'are'} also in the evaluation data; remove "
        f"them:\n  {shown}"
    )
