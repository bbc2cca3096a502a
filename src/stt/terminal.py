"""Text on its way to a terminal, which obeys some characters instead of showing them.

What a model, a file name or a corpus holds may be an escape sequence, which moves the cursor,
rewrites what was printed or fills the clipboard.
"""

from __future__ import annotations

import io
import re
from typing import TextIO

# C0, DEL and C1 but for tabs and line ends, and the halves of characters that names may hold.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def printable(text: str) -> str:
    """Return a text with what a terminal would obey written as `\\x1b`."""
    return _OBEYED.sub(lambda match: repr(match[0])[1:-1], text)


def write_any_text(stream: TextIO) -> None:
    """Let a stream write what its encoding lacks as `\\u05e9`, in place of failing.

    Windows has such encodings, older systems and `PYTHONIOENCODING` have, and no encoding has the
    halves of characters that names of files may hold.
    """
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def shown_on(stream: TextIO, text: str) -> str:
    """Return a text as a stream should get it: as it is where it goes to a file or a program."""
    return printable(text) if stream.isatty() else text
