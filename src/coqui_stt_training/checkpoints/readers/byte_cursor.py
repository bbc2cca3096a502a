"""Reading a binary file from its start on, and never beyond its end."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path

from coqui_stt_ctcdecoder.regular_file import open_regular

from ...errors import CheckpointError


class ByteCursor:
    """A place in a mapped file, all of whose numbers are little-endian.

    Args:
        path: the file.

    Raises:
        CheckpointError: it is missing, empty, or no regular file.
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
        """Of the file, in bytes."""
        return len(self._content)

    @property
    def at_end(self) -> bool:
        """Whether all has been read."""
        return self.position == self.size

    def take(self, count: int, what: str) -> memoryview:
        """Return the next `count` bytes, without copying them.

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
        """Return the next whole numbers, laid out as `struct` describes, without a byte order.

        Raises:
            CheckpointError: the file ends before.
        """
        layout = f"<{layout}"
        return struct.unpack(layout, self.take(struct.calcsize(layout), what))

    def number(self, layout: str, what: str) -> int:
        """Return the next whole number.

        Raises:
            CheckpointError: the file ends before.
        """
        return self.numbers(layout, what)[0]

    def text(self, count: int, what: str) -> str:
        """Return the next `count` bytes as text, without a NUL at their end.

        Raises:
            CheckpointError: the file ends before, or they are nothing that can be printed.
        """
        content = bytes(self.take(count, what))
        text = content.removesuffix(b"\0").decode("utf-8", "replace")
        if "\ufffd" in text or not text.isprintable():
            raise self.damaged(f"{what} is no text ({content[:20]!r})")
        return text

    def damaged(self, what: str) -> CheckpointError:
        """Return an error that says what cannot be in a whole file."""
        return CheckpointError(
            f"{self.path}: {what}; the file is damaged, copy or download it again"
        )

    def move_to(self, position: int, what: str) -> None:
        """Go on reading at a byte of the file.

        Raises:
            CheckpointError: the file has no such byte.
        """
        self.position = 0
        self.take(position, what)


def whole_file(path: Path) -> memoryview:
    """Return a file's bytes, mapped.

    Raises:
        CheckpointError: it is missing, empty, or no regular file.
    """
    cursor = ByteCursor(path)
    return cursor.take(cursor.size, "the file")
