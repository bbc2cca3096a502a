"""Recordings that are in several sets of a run; error rates on them are too low."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence, Set
from functools import cache

from .clip import Clip, ClipSet
from .clip_table import ClipTable
from .same_audio import Digest, digest_of, same_audio

_log = logging.getLogger(__name__)
_MOST_COMPARED = 1_000_000  # clips; two sets are not compared if both have more
_MOST_READ = 2_000  # recordings to decode for two sets; `check` compares any number


def warn_of_shared_audio(sets: Mapping[str, Sequence[ClipSet]]) -> None:
    """Log which recordings are in two of train, dev and test."""
    digest = cache(digest_of)  # a recording of one set is compared with both other sets
    for one, other in itertools.combinations(("train", "dev", "test"), 2):
        shared = _shared(sets[one], sets[other], digest)
        if shared:
            first, second = shared[0]
            _log.warning(
                "Recordings in both %s and %s: %d, the first in %s and %s; error rates on "
                "training data look better than they are",
                one,
                other,
                len(shared),
                first.source,
                second.source,
            )


def _shared(
    sets: Sequence[ClipSet], others: Sequence[ClipSet], digest: Digest
) -> list[tuple[Clip, Clip]]:
    """Return the clips whose recording is also in the other sets, each with its match there."""
    if sum(len(one.clips) for one in others) > _MOST_COMPARED:
        return []
    known = {clip.audio.key: clip for one in others for clip in one.clips}
    if not known:
        return []
    found = {
        clip.audio.key: (clip, known[clip.audio.key])
        for one in sets
        for clip in _candidates(one, known)
        if clip.audio.key in known
    }
    return [*found.values(), *_copies(sets, known, set(found), digest)]


def _copies(
    sets: Sequence[ClipSet], known: Mapping[str, Clip], found: Set[str], digest: Digest
) -> list[tuple[Clip, Clip]]:
    """Return equal recordings under other names; none if a set is large."""
    if any(isinstance(one.clips, ClipTable) for one in sets):
        return []
    clips = [clip for one in sets for clip in one.clips if clip.audio.key not in found]
    others = [clip for key, clip in known.items() if key not in found]
    return same_audio(clips, others, most_read=_MOST_READ, digest=digest)


def _candidates(clips: ClipSet, known: Mapping[str, Clip]) -> Iterator[Clip]:
    """Yield the clips whose audio may be among the known; all clips if the set is not large."""
    if isinstance(clips.clips, ClipTable):
        yield from clips.clips.named(clip.audio.path for clip in known.values())
    else:
        yield from clips.clips
