"""Messages about a folder that is no collection, but may contain some."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from stt.audio.folder import SUFFIXES
from stt.counted import counted, some_of

_LISTS = (
    *(".csv", ".tsv", ".jsonl", ".jsonl.gz", ".sdb", ".tar", ".tar.gz", ".tgz"),
    *(".parquet", ".arrow", "manifest.json", ".xlsx", ".trans.txt"),
)
_DEPTH = 3
_MOST_LOOKED_AT = 10_000  # so that a wrong folder is refused at once, however large it is


def describe_folder(path: Path) -> str:
    """Return which collections in a folder may be meant, and what to do; "" if there are none."""
    inside = list(itertools.islice(_files_below(path, _DEPTH), _MOST_LOOKED_AT))
    lists = sorted(str(one) for one in inside if one.name.lower().endswith(_LISTS))
    if lists:
        return f"name what is to be read in it: {some_of(lists)}"
    recordings = [one for one in inside if one.suffix.lower() in SUFFIXES]
    if recordings:
        return (
            f"{counted(len(recordings), 'recording')} and no transcripts are in it; write each "
            "into a .txt of the same name beside it (for long recordings: an .srt), or a CSV file "
            "that lists them"
        )
    return ""


def _files_below(path: Path, depth: int) -> Iterator[Path]:
    """Yield the files of a folder, and then those of its subfolders."""
    for levels in range(1, depth + 1):
        yield from (one for one in path.glob("/".join("*" * levels)) if one.is_file())
