"""Text files of corpora: UTF-8, or UTF-16 with a byte order mark, as Excel and Praat write it.

Files that are compressed with gzip are decompressed.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import read_regular

from ...errors import CorpusError

MOST_TEXT_BYTES = 1 << 32  # 10 million rows are 1 to 2 GB

EXCEL = "in Excel: Save As, CSV UTF-8"
_GZIP = b"\x1f\x8b"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # byte order marks


def read_text(path: str | Path) -> str:
    """Return the text of a file, without a byte order mark.

    Raises:
        CorpusError: the file is missing, not a regular file, neither UTF-8 nor marked UTF-16,
            contains NUL characters, or is damaged gzip.
    """
    content = read_content(path, MOST_TEXT_BYTES)
    return decode_text(_gunzip(content, path) if content.startswith(_GZIP) else content, str(path))


def is_plain_text(head: bytes) -> bool:
    """Whether a file that begins with these bytes is neither compressed nor UTF-16."""
    return not head.startswith((_GZIP, *_UTF_16))


def may_be_text(head: bytes) -> bool:
    """Whether the first bytes of a file may be text, in UTF-8 or UTF-16."""
    return head.startswith(_UTF_16) or b"\0" not in head


def first_line_of(content: bytes) -> str:
    """Return the first line that is not blank of the beginning of a text file."""
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    lines = content.decode(encoding, errors="replace").lstrip().splitlines()
    return lines[0] if lines else ""


def read_content(path: str | Path, largest_bytes: int) -> bytes:
    """Return the content of a file.

    Raises:
        CorpusError: the file is missing, not a regular file, or larger than `largest_bytes`.
    """
    try:
        return read_regular(path, largest_bytes)
    except OSError as error:
        raise CorpusError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def decode_text(content: bytes, name: str) -> str:
    """Decode the content of a text file.

    Raises:
        CorpusError: it is neither UTF-8 nor marked UTF-16, or contains a NUL character; the
            message names the line.
    """
    encoding = "UTF-16" if content.startswith(_UTF_16) else "UTF-8"
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{name}:{line}: not {encoding}; save the file as UTF-8 ({EXCEL})"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise CorpusError(f"{name}:{line}: holds a NUL byte; save the file as UTF-8 ({EXCEL})")
    return text


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield the number, counted from 1, and the text of each line of a file that is not blank.

    Raises:
        CorpusError: see `read_text`.
    """
    yield from lines_of(read_text(path))


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number, counted from 1, and the text of each line that is not blank."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, line.rstrip("\r")


def _gunzip(content: bytes, path: str | Path) -> bytes:
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            text = stream.read(MOST_TEXT_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: damaged gzip ({error}); copy the file again") from None
    if len(text) > MOST_TEXT_BYTES:
        raise CorpusError(f"{path}: more than {MOST_TEXT_BYTES >> 30} GB of text; split the file")
    return text
