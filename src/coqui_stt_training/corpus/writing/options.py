"""What to make of the clips of collections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stt.audio.encoding import Encoding

Order = Literal["shortest", "longest", "as-is"]


@dataclass(frozen=True)
class Options:
    """What to make of the clips.

    Attributes:
        encoding: of the audio.
        bitrate: of Opus, None for the encoder's choice.
        sample_rate_hz: to resample to, None to keep each clip's.
        order: of the clips, by their length.
        labeled: whether with transcripts.
        shard_clips: clips of a shard of a tar target; 0: one archive as upstream's.
        absolute_paths: whether CSV files name audio so.
        include: files to put into the root of a tar target.
        changes: in words, what is done to the samples before they are encoded.
    """

    encoding: Encoding
    bitrate: int | None = None
    sample_rate_hz: int | None = None
    order: Order = "shortest"
    labeled: bool = True
    shard_clips: int = 0
    absolute_paths: bool = False
    include: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
