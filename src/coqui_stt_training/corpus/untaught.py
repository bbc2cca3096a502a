"""Characters that are measured, and that nothing to train on has."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from .clip import ClipSet

_log = logging.getLogger(__name__)
_MOST_COUNTED = 1_000_000  # clips to train on; so many have every character
_LEAST_SHARE = 0.1  # of a set's characters; below, it may be rare letters in few clips
_SHOWN = 12


def warn_of_untaught_characters(sets: Mapping[str, Sequence[ClipSet]]) -> None:
    """Log of which dev and test files a good part is in characters that no train file has.

    So it is with files of another language, or that somebody spelled in another way.
    """
    count = sum(len(one.clips) for one in sets["train"])
    if not 0 < count <= _MOST_COUNTED:
        return
    taught = {letter for one in sets["train"] for clip in one.clips for letter in clip.transcript}
    for one in itertools.chain(sets["dev"], sets["test"]):
        said = Counter(letter for clip in one.clips for letter in clip.transcript)
        untaught = Counter({letter: said[letter] for letter in said.keys() - taught})
        share = untaught.total() / max(1, said.total())
        if share < _LEAST_SHARE:
            continue
        letters = [letter for letter, _ in untaught.most_common()]
        more = " ..." if len(letters) > _SHOWN else ""
        _log.warning(
            "Of the characters of %s, %.0f %% are in no transcript to train on, so that nothing is "
            "learned of them: %s%s. See whether both are in the same language, and spelled in the "
            "same way",
            one.path, 100 * share, " ".join(letters[:_SHOWN]), more,
        )  # fmt: skip
