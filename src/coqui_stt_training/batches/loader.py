"""Loads batches as the clips are: to validate, to evaluate, and to train without augmentation."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..corpus import Clip
from .batch import Batch, collate
from .feature_store import FeatureStore

# Threads are waiting for the disk or in libraries that let others run; a device waits for them.
_WORKERS = min(8, max(2, (os.cpu_count() or 2) // 2))
_BATCHES_AHEAD = 2 * _WORKERS

Item = TypeVar("Item")
Made = TypeVar("Made")


class BatchLoader:
    """Turns groups of clips into batches, a few ahead of their use, on threads of its own."""

    def __init__(self, store: FeatureStore, alphabet: Alphabet) -> None:
        self.store = store
        self.alphabet = alphabet

    def load(self, clips: Sequence[Clip]) -> Batch:
        """Return one batch.

        Raises:
            AudioError: the audio has become unreadable since the corpus was checked.
        """
        labels = [self.alphabet.encode(clip.transcript) for clip in clips]
        return collate(clips, [self.store(clip) for clip in clips], labels)

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
