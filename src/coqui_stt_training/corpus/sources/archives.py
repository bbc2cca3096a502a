"""Archives: files with many recordings, which CSV files may name as `archive:member`."""

from __future__ import annotations

from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import open_regular
from stt.audio.reference import AudioReference

from ...errors import CorpusError
from . import parquet, sdb, tar

_HEAD_BYTES = 512


def read_head(path: str | Path) -> bytes:
    """Return the first bytes of a file.

    Raises:
        CorpusError: the file cannot be read.
    """
    try:
        with open_regular(path) as file:
            return file.read(_HEAD_BYTES)
    except OSError as error:
        raise CorpusError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def is_archive(head: bytes) -> bool:
    """Whether a file with these first bytes is an archive; gzip is examined elsewhere."""
    return sdb.begins(head) or parquet.begins(head) or tar.begins(head)


def members_of(path: Path) -> dict[str, AudioReference]:
    """Return the position of each member of an archive.

    Raises:
        CorpusError: the file cannot be read, or is no archive.
    """
    head = read_head(path)
    if sdb.begins(head):
        return sdb.members(path)
    if parquet.begins(head):
        return parquet.members(path)
    return tar.members(path)
