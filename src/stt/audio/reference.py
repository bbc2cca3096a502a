"""Where audio is: a file, some bytes of an archive, or a piece of a longer recording."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from coqui_stt_ctcdecoder.regular_file import open_regular

from ..errors import AudioError
from .opus_packets import ogg_of_packets

Packing = Literal["file", "opus packets"]


@dataclass(frozen=True)
class AudioReference:
    """Audio that can be opened, and has a name for messages, which `str` returns.

    Attributes:
        path: the file, or the archive that holds it.
        member: what the archive calls it; empty for a file.
        offset_bytes: where in the archive it begins.
        size_bytes: how long it is there; None: the whole file.
        packing: whether the bytes are an audio file, or Opus packets without a container.
        start_seconds: where the piece begins.
        end_seconds: where it ends; None: where the recording does.
        container: what the user calls the archive, where `path` is an unpacked copy of it.
    """

    path: Path
    member: str = ""
    offset_bytes: int = 0
    size_bytes: int | None = None
    packing: Packing = "file"
    start_seconds: float = 0.0
    end_seconds: float | None = None
    container: str = ""

    def __str__(self) -> str:
        name = self.container or str(self.path)
        name = f"{name}:{self.member}" if self.member else name
        return f"{name} ({self.span})" if self.is_piece else name

    @property
    def is_piece(self) -> bool:
        """Whether it is not all of a recording."""
        return self.start_seconds > 0 or self.end_seconds is not None

    @property
    def span(self) -> str:
        """Which piece it is, in words."""
        end = "the end" if self.end_seconds is None else f"{self.end_seconds:g} s"
        return f"{self.start_seconds:g} s to {end}"

    @property
    def key(self) -> str:
        """What tells it from all other audio on this machine, as long as `path` does not change."""
        name = str(self.path.absolute())
        if self.size_bytes is not None:
            name += f"\0{self.offset_bytes}+{self.size_bytes} {self.packing}"
        return f"{name}\0{self.start_seconds!r}-{self.end_seconds!r}" if self.is_piece else name

    def open(self) -> Path | BinaryIO:
        """Return the file's name, or a stream of the archive's bytes.

        Raises:
            AudioError: the archive is missing, or ends before the member does.
        """
        if self.size_bytes is None:
            return self.path
        content = self.stored()
        if self.packing == "opus packets":
            content = ogg_of_packets(content, str(self))
        return io.BytesIO(content)

    def stored(self) -> bytes:
        """Return the bytes of a file, or of an archive's member, as they are.

        Raises:
            AudioError: the file is missing, or ends before the member does.
        """
        wanted = -1 if self.size_bytes is None else self.size_bytes
        try:
            with open_regular(self.path) as file:
                file.seek(self.offset_bytes)
                content = file.read(wanted)
        except FileNotFoundError:
            raise AudioError(f"{self}: no such file") from None
        except OSError as error:
            raise AudioError(f"{self}: {error.strerror or error}") from None
        if len(content) < wanted:
            raise AudioError(
                f"{self}: cut off; {wanted} bytes are expected, and {len(content)} are there"
            )
        return content
