"""What files of clips say beyond audio and transcript: speaker, accent, whatever has a column."""

from __future__ import annotations

from collections.abc import Mapping

from ..corpus import RowFile

_KNOWN_COLUMNS = frozenset(("wav_filename", "wav_filesize", "transcript"))


def further_columns(file: RowFile) -> dict[str, Mapping[str, str]]:
    """Return what a file says of each row beyond audio and transcript, by the row's source."""
    found: dict[str, Mapping[str, str]] = {}
    for row in file.rows:
        columns = {
            name: value
            for name, value in zip(file.columns, row.fields, strict=False)
            if name not in _KNOWN_COLUMNS
        }
        if row.speaker:
            columns.setdefault("speaker", row.speaker)
        found[row.source] = columns
    return found
