"""The corpus files of a command: on the disk, or sets that exist in memory alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coqui_stt_ctcdecoder import Alphabet

from ..errors import CorpusError
from .csv_file import format_csv
from .manifest import LARGE_CSV_BYTES, Manifest
from .rows import RowFile
from .sources.archives import is_archive, read_head
from .sources.reading import read_rows
from .unlabelled import without_transcripts

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class CorpusFiles:
    """Reads corpus files by name, each once.

    Attributes:
        sets: what stands for files of these names, whether those are written or not. Their rows
            say where they come from: the file that was split.
        alphabet: what stands for `alphabet.txt` beside them, where there is something.
        dataset: what was split into these sets, as the user named it.
        shares: of an epoch's clips, by the training file, where `a.csv:0.3` says one.
        large_bytes: from which size on the rows of a CSV file are kept on disk.
    """

    sets: Mapping[str, RowFile] = field(default_factory=dict)
    alphabet: Alphabet | None = None
    dataset: str = ""
    shares: Mapping[str, float] = field(default_factory=dict)
    large_bytes: int = LARGE_CSV_BYTES
    _read: dict[tuple[str, bool], RowFile] = field(default_factory=dict, compare=False, repr=False)

    def rows(self, path: str, *, labelled: bool = True) -> RowFile:
        """Return a file's rows.

        Args:
            path: the file.
            labelled: whether it has to have transcripts; those that it has are not read otherwise.

        Raises:
            CorpusError: it cannot be read, see `read_rows`.
        """
        if path in self.sets:
            return self.sets[path]
        if (path, labelled) not in self._read:
            found = read_rows(path, self.large_bytes, labelled=labelled)
            self._read[path, labelled] = found if labelled else without_transcripts(found)
        return self._read[path, labelled]

    def as_given(self, path: str) -> str:
        """Return a file as the user named it, with its share of an epoch's clips."""
        share = self.shares.get(path)
        return path if share is None else f"{path}:{share:g}"

    def digest(self, path: str, *, labelled: bool = True) -> str:
        """Return 16 hexadecimal digits that tell contents apart.

        Of archives and folders, and of what has no transcripts, these are the transcripts, and
        where audio is, not the audio.

        Raises:
            CorpusError: the file cannot be read.
        """
        if path in self.sets:
            return content_digest(content_of(self.sets[path]))
        if not labelled or not Path(path).is_file() or is_archive(read_head(path)):
            file = self.rows(path, labelled=labelled)
            if isinstance(file.rows, Manifest):
                return file_digest(file.rows.arrow)
            return content_digest(content_of(file))
        return file_digest(path)


def content_of(file: RowFile) -> bytes:
    """Return a corpus file's content, as it is written.

    Rows that are malformed are left out: what is wrong with them can often not be written, and
    without it they would be rows with nothing said in them.
    """
    return format_csv(file.columns, [row.fields for row in file.rows if row.problem is None])


def content_digest(content: bytes) -> str:
    """Return 16 hexadecimal digits that tell contents apart."""
    return hashlib.sha256(content).hexdigest()[:16]


def file_digest(path: str | Path) -> str:
    """Return 16 hexadecimal digits that tell a file's content apart from others.

    Raises:
        CorpusError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()[:16]
    except OSError as error:
        hint = "; name a file in it" if isinstance(error, IsADirectoryError) else ""
        raise CorpusError(f"{path}: {(error.strerror or str(error)).lower()}{hint}") from None
