"""Audio whose transcripts are not read, and what must not be in it: what is measured on."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from stt.audio.file import read_audio
from stt.counted import counted

from ..errors import CorpusError
from .clip import Clip
from .manifest import Manifest
from .rows import TRANSCRIPT_COLUMN, Row, RowFile

_SAMPLE_RATE_HZ = 16000  # of what is compared; any would do
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

    Only recordings of the very same length are compared sample by sample.

    Raises:
        CorpusError: some are; names them.
    """
    by_length = defaultdict(list)
    if unlabelled:
        for clip in measured:
            by_length[clip.duration_seconds].append(clip)
    digests: dict[Clip, str] = {}

    def digest(clip: Clip) -> str:
        if clip not in digests:
            samples = read_audio(clip.audio, _SAMPLE_RATE_HZ)
            digests[clip] = hashlib.sha256(samples.tobytes()).hexdigest()
        return digests[clip]

    shared = [
        (clip, other)
        for clip in unlabelled
        for other in by_length[clip.duration_seconds]
        if clip.audio == other.audio or digest(clip) == digest(other)
    ]
    if not shared:
        return
    shown = "\n".join(f"  {clip.source} is {other.source}" for clip, other in shared[:_SHOWN])
    more = f"\n  and {len(shared) - _SHOWN} more" if len(shared) > _SHOWN else ""
    raise CorpusError(
        f"{counted(len(shared), 'recording')} of --unlabelled_files "
        f"{'is' if len(shared) == 1 else 'are'} also among those that error rates are measured on; "
        f"take them out:\n{shown}{more}"
    )
