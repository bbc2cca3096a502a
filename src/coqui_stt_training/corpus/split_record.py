"""What a split was made of, kept beside its sets, so that a change of either is noticed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from .csv_file import write_corpus_file

_NAME = "auto_input_dataset.json"
_VERSION = 1


@dataclass(frozen=True)
class SplitRecord:
    """A split that was made.

    Attributes:
        source: name of the file that was split.
        source_digest: of its content.
        seed: of the random order.
        normalized: whether the alphabet was made for normalised transcripts.
        files: names of the files written, and digests of what was written.
    """

    source: str
    source_digest: str
    seed: int
    normalized: bool
    files: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write it into a folder.

        Raises:
            CorpusError: the folder cannot be written to.
        """
        content = {"version": _VERSION, **asdict(self)}
        write_corpus_file(folder / _NAME, json.dumps(content, indent=1).encode() + b"\n")


def read_record(folder: Path) -> SplitRecord | None:
    """Return the record in a folder; one that is missing, old or broken is none."""
    try:
        content = json.loads((folder / _NAME).read_bytes())
        if content["version"] != _VERSION:
            return None
        return SplitRecord(
            str(content["source"]),
            str(content["source_digest"]),
            int(content["seed"]),
            bool(content["normalized"]),
            {str(name): str(digest) for name, digest in content["files"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
