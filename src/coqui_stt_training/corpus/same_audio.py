"""Recordings with equal samples, whatever the names of their files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

from stt.audio.file import read_audio
from stt.audio.reference import AudioReference

from .clip import Clip

_SAMPLE_RATE_HZ = 16000  # sample rate of the samples that are compared; any would do

Digest = Callable[[AudioReference], str]


def digest_of(audio: AudioReference) -> str:
    """Return a digest of the samples of a recording.

    Raises:
        AudioError: the recording cannot be read any more.
    """
    return hashlib.sha256(read_audio(audio, _SAMPLE_RATE_HZ).tobytes()).hexdigest()


def same_audio(
    clips: Sequence[Clip],
    others: Iterable[Clip],
    *,
    most_read: int | None = None,
    digest: Digest = digest_of,
) -> list[tuple[Clip, Clip]]:
    """Return the clips whose recording is also in another list, each with its match there.

    Recordings are decoded only if a recording of the other list has the same length and the same
    difference between largest and smallest sample.

    Args:
        clips: clips, in the order of the result.
        others: the other list.
        most_read: most recordings to decode; if there are more, only their names are compared.
            None: no limit.
        digest: returns the digest of a recording; a caller with several lists can pass a cached
            `digest_of`.

    Raises:
        AudioError: a recording cannot be read any more.
    """
    found: dict[AudioReference, Clip] = {other.audio: other for other in others}
    unnamed = [clip for clip in clips if clip.audio not in found]
    candidates = _possible_copies(unnamed, found.values())
    originals = _possible_copies(found.values(), candidates)
    if most_read is None or len(candidates) + len(originals) <= most_read:
        by_digest = {digest(other.audio): other for other in originals}
        heard = {clip.audio: by_digest.get(digest(clip.audio)) for clip in candidates}
        found |= {audio: other for audio, other in heard.items() if other}
    return [(clip, found[clip.audio]) for clip in clips if clip.audio in found]


def _possible_copies(clips: Iterable[Clip], others: Iterable[Clip]) -> list[Clip]:
    """Return the clips that one of the others equals in length and, if both are known, in peaks."""
    peaks: dict[float, set[float | None]] = {}
    for other in others:
        peaks.setdefault(other.duration_seconds, set()).add(other.peak_to_peak)
    return [
        clip
        for clip in clips
        if (known := peaks.get(clip.duration_seconds))
        and (clip.peak_to_peak is None or not known.isdisjoint((clip.peak_to_peak, None)))
    ]
