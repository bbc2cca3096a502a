"""Recordings that hold the same samples, whatever their files are called."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from stt.audio.file import read_audio
from stt.audio.reference import AudioReference

from .clip import Clip

_SAMPLE_RATE_HZ = 16000  # of what is compared; any would do


def same_audio(
    clips: Sequence[Clip], others: Iterable[Clip], *, most_read: int | None = None
) -> list[tuple[Clip, Clip]]:
    """Return which clips are a recording of another list, each with one of these that it is.

    Only recordings of the very same length are compared sample by sample.

    Args:
        clips: in the order in which they are returned.
        others: the other list.
        most_read: where more recordings than that would have to be read, only their names are
            compared; None: as many as there are.

    Raises:
        AudioError: a recording cannot be read any more.
    """
    found: dict[AudioReference, Clip] = {other.audio: other for other in others}
    lengths = {other.duration_seconds for other in found.values()}
    unknown = [
        clip for clip in clips if clip.audio not in found and clip.duration_seconds in lengths
    ]
    lengths = {clip.duration_seconds for clip in unknown}
    alike = [other for other in found.values() if other.duration_seconds in lengths]
    if most_read is None or len(unknown) + len(alike) <= most_read:
        by_digest = {_digest(other): other for other in alike}
        heard = {clip.audio: by_digest.get(_digest(clip)) for clip in unknown}
        found |= {audio: other for audio, other in heard.items() if other}
    return [(clip, found[clip.audio]) for clip in clips if clip.audio in found]


def _digest(clip: Clip) -> str:
    return hashlib.sha256(read_audio(clip.audio, _SAMPLE_RATE_HZ).tobytes()).hexdigest()
