"""Further columns of corpus files, beyond audio and transcript, such as speaker or accent."""

from __future__ import annotations

from collections.abc import Mapping

from ..corpus import RowFile

_KNOWN_COLUMNS = frozenset(("wav_filename", "wav_filesize", "transcript"))


def further_columns(file: RowFile) -> dict[str, Mapping[str, str]]:
    """Return the further fields of each row by column; the keys are the rows' sources."""
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
