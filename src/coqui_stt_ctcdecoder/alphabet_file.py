"""Alphabet files in upstream's format: one label per line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .errors import AlphabetError
from .regular_file import read_regular

_HEADER = (
    "# Each line in this file represents the Unicode codepoint (UTF-8 encoded)\n"
    "# associated with a numeric index.\n"
    "# A line that starts with # is a comment. You can escape it with \\# if you wish\n"
    "# to use '#' in the Alphabet.\n"
)
_FOOTER = "# The last (non-comment) line needs to end with a newline.\n"
_LARGEST_FILE_BYTES = 1 << 26


def labels_of_file(path: Path) -> list[str]:
    """Return the labels of an alphabet file, in order.

    Raises:
        AlphabetError: the file cannot be read, is not UTF-8, or has no labels.
    """
    try:
        text = read_regular(path, _LARGEST_FILE_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise AlphabetError(f"alphabet file {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise AlphabetError(
            f"alphabet file {path} is not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from None
    labels = []
    # splitlines() would also split at characters that may be labels, such as U+2028.
    for label in re.split(r"\r\n|\r|\n", text):
        if label == "\\#":
            labels.append("#")
        elif label and not label.startswith("#"):
            labels.append(label)
    if not labels:
        raise AlphabetError(f"alphabet file {path} has no labels; write one label per line")
    return labels


def lines_of_labels(labels: Iterable[str]) -> bytes:
    """Return the contents of an alphabet file with these labels, UTF-8 with LF line ends.

    Raises:
        AlphabetError: a label contains a line break, which the format cannot store.
    """
    lines = []
    for label in labels:
        if "\n" in label or "\r" in label:
            raise AlphabetError(
                f"label {label!r} contains a line break, which alphabet files cannot store; "
                "remove it from the transcripts"
            )
        lines.append("\\#" if label == "#" else label)
    return (_HEADER + "".join(f"{line}\n" for line in lines) + _FOOTER).encode()
