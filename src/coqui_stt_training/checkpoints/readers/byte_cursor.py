"""Reads a binary file from start to end, with bounds checks."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import open_regular

from ...errors import CheckpointError


class ByteCursor:
    """A position in a memory-mapped file with little-endian numbers.

    Args:
        path: the file.

    Raises:
        CheckpointError: the file is missing, empty, or not a regular file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.position = 0
        try:
            with open_regular(path) as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            if path.is_file() and not path.stat().st_size:
                raise CheckpointError(f"{path} is empty; copy or download it again") from None
            reason = getattr(error, "strerror", None) or error
            raise CheckpointError(f"{path} cannot be read ({reason})") from None
        self._content = memoryview(mapped)

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return len(self._content)

    @property
    def at_end(self) -> bool:
        """Whether the whole file has been read."""
        return self.position == self.size

    def take(self, count: int, what: str) -> memoryview:
        """Return the next `count` bytes, without a copy.

        Args:
            count: number of bytes.
            what: what they are, for messages.

        Raises:
            CheckpointError: the file ends before.
        """
        end = self.position + count
        if count < 0 or end > self.size:
            raise CheckpointError(
                f"{self.path}: {what} would end at byte {end:,} of {self.size:,}; the file is cut "
                "off or damaged, copy or download it again"
            )
        taken = self._content[self.position : end]
        self.position = end
        return taken

    def numbers(self, layout: str, what: str) -> tuple[int, ...]:
        """Return the next integers; `layout` is a format of `struct` without a byte order.

        Raises:
            CheckpointError: the file ends before.
        """
        layout = f"<{layout}"
        return struct.unpack(layout, self.take(struct.calcsize(layout), what))

    def number(self, layout: str, what: str) -> int:
        """Return the next number.

        Raises:
            CheckpointError: the file ends before.
        """
        return self.numbers(layout, what)[0]

    def text(self, count: int, what: str) -> str:
        """Return the next `count` bytes as UTF-8 text, without a NUL at the end.

        Raises:
            CheckpointError: the file ends before, or the bytes are not printable text.
        """
        content = bytes(self.take(count, what))
        text = content.removesuffix(b"\0").decode("utf-8", "replace")
        if "\ufffd" in text or not text.isprintable():
            raise self.damaged(f"{what} is no text ({content[:20]!r})")
        return text

    def damaged(self, what: str) -> CheckpointError:
        """Return an error for `what`, which no intact file contains."""
        return CheckpointError(
            f"{self.path}: {what}; the file is damaged, copy or download it again"
        )

    def move_to(self, position: int, what: str) -> None:
        """Move the position to a byte of the file.

        Raises:
            CheckpointError: the file has no such byte.
        """
        self.position = 0
        self.take(position, what)


def whole_file(path: Path) -> memoryview:
    """Return the memory-mapped bytes of a file.

    Raises:
        CheckpointError: the file is missing, empty, or not a regular file.
    """
    cursor = ByteCursor(path)
    return cursor.take(cursor.size, "the file")
