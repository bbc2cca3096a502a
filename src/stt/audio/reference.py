"""References to audio: a file, a member of an archive, or a piece of a longer recording."""

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
    """A reference to audio that can be opened; `str` returns its name for messages.

    Attributes:
        path: path of the audio file, or of the archive that contains it.
        member: name of the archive member; empty for a file.
        offset_bytes: offset of the member in the archive.
        size_bytes: size of the member; None for a file.
        packing: whether the bytes are an audio file, or Opus packets without a container.
        start_seconds: start of the piece in the recording.
        end_seconds: end of the piece; None is the end of the recording.
        container: name that the user gave to the archive, if `path` is an unpacked copy of it.
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
        """Whether this is only a piece of a recording."""
        return self.start_seconds > 0 or self.end_seconds is not None

    @property
    def span(self) -> str:
        """Start and end of the piece, for messages."""
        end = "the end" if self.end_seconds is None else f"{self.end_seconds:g} s"
        return f"{self.start_seconds:g} s to {end}"

    @property
    def key(self) -> str:
        """Unique name of this audio on this machine, as long as the file does not change."""
        name = str(self.path.absolute())
        if self.size_bytes is not None:
            name += f"\0{self.offset_bytes}+{self.size_bytes} {self.packing}"
        return f"{name}\0{self.start_seconds!r}-{self.end_seconds!r}" if self.is_piece else name

    def open(self) -> Path | BinaryIO:
        """Return the path of a file, or a stream with the audio of an archive member.

        Raises:
            AudioError: the archive is missing, ends before the member does, or the member's Opus
                packets are damaged.
        """
        if self.size_bytes is None:
            return self.path
        content = self.stored()
        if self.packing == "opus packets":
            content = ogg_of_packets(content, str(self))
        return io.BytesIO(content)

    def stored(self) -> bytes:
        """Return the bytes of the file or archive member unchanged.

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
