"""Loads batches as the clips are: to validate, to evaluate, and to train without augmentation."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.cores import available_cores

from ..corpus import Clip
from ..errors import AudioError
from .batch import Batch, collate
from .feature_store import FeatureStore

# Threads are waiting for the disk or in libraries that let others run; a device waits for them.
_WORKERS = min(8, max(2, available_cores() // 2))
_BATCHES_AHEAD = 2 * _WORKERS

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Made = TypeVar("Made")


class BatchLoader:
    """Turns groups of clips into batches, a few ahead of their use, on threads of its own.

    Args:
        store: of features.
        alphabet: of labels.
        skips_unreadable: whether another clip of a batch takes the place of one that cannot be
            read, which is logged: of very many clips, not all are read before.
    """

    def __init__(
        self, store: FeatureStore, alphabet: Alphabet, *, skips_unreadable: bool = False
    ) -> None:
        self.store = store
        self.alphabet = alphabet
        self._skips_unreadable = skips_unreadable

    def load(self, clips: Sequence[Clip]) -> Batch:
        """Return one batch.

        Raises:
            AudioError: audio is unreadable, and not to be skipped, or no other is in the batch.
        """
        features = self.each(self.store, clips)
        labels = [self.alphabet.encode(clip.transcript) for clip, _ in features]
        return collate([clip for clip, _ in features], [one for _, one in features], labels)

    def each(self, make: Callable[[Clip], Made], clips: Sequence[Clip]) -> list[tuple[Clip, Made]]:
        """Return what is made of each clip, with the clip that it was made of.

        Raises:
            AudioError: see `load`.
        """
        made: list[tuple[Clip, Made] | None] = []
        errors: list[AudioError] = []
        for clip in clips:
            try:
                made.append((clip, make(clip)))
            except AudioError as error:
                errors.append(error)
                made.append(None)
                if not self._skips_unreadable:
                    raise
                _log.warning("%s: skipped, because it cannot be read: %s", clip.source, error)
        good = next((one for one in made if one is not None), None)
        if good is None:
            if errors:
                raise errors[0]
            return []
        return [one or good for one in made]

    def __call__(self, groups: Iterable[Sequence[Clip]]) -> Iterator[Batch]:
        """Yield batches in order."""
        return made_ahead(self.load, groups)


def made_ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Yield `make(item)` of each item in order, a few made ahead on threads of their own."""
    ahead: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="batches") as pool:
        try:
            for item in items:
                ahead.append(pool.submit(make, item))
                if len(ahead) > _BATCHES_AHEAD:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
