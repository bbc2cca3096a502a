"""Makes text safe to print on a terminal.

Text of a model, a file name or a corpus may contain escape sequences, with which a terminal moves
the cursor, rewrites printed text or fills the clipboard.
"""

from __future__ import annotations

import io
import re
from typing import TextIO

# C0, DEL and C1 except tabs and newlines, and lone surrogates, which file names may contain.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text with control characters escaped, such as `\\x1b`."""
    return _OBEYED.sub(lambda match: repr(match[0])[1:-1], text)


def write_any_text(stream: TextIO) -> None:
    """Let a stream escape the characters that its encoding lacks, as `\\u05e9`, instead of failing.

    Encodings without all characters occur on Windows, on older systems and with `PYTHONIOENCODING`.
    No encoding has lone surrogates, which file names may contain.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def shown_on(stream: TextIO, text: str) -> str:
    """Return a text for a stream: escaped for a terminal, unchanged for a file or a program."""
    return printable(text) if stream.isatty() else text
