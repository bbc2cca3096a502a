"""Batches: clips of like duration together, in an order that a seed and an epoch number decide."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from coqui_stt_ctcdecoder.alphabet import Alphabet

from ..corpus import Clip
from .feature_store import FeatureStore

_BATCHES_AHEAD = 4


@dataclass(frozen=True)
class Batch:
    """Clips ready for the model.

    Attributes:
        clips: what is in it.
        features: float32 `[batch, frames, values]`, zero beyond each clip's length.
        lengths: int64 `[batch]`, frames of each clip.
        labels: int64 `[all labels]`, those of each clip after one another.
        label_lengths: int64 `[batch]`.
    """

    clips: tuple[Clip, ...]
    features: Tensor
    lengths: Tensor
    labels: Tensor
    label_lengths: Tensor


def make_batches(
    clips: Iterable[Clip], batch_size: int, *, reverse: bool = False, limit: int = 0
) -> list[tuple[Clip, ...]]:
    """Group clips by duration, so that little of a batch is padding.

    Args:
        clips: in any order.
        batch_size: clips of a batch; the last one may have fewer.
        reverse: from the longest to the shortest.
        limit: use only the first so many clips of that order; 0: all.

    Returns:
        Batches from the shortest clips to the longest, or the reverse.
    """
    ordered = sorted(clips, key=lambda clip: clip.duration_seconds, reverse=reverse)
    ordered = ordered[:limit] if limit else ordered
    return [
        tuple(ordered[start : start + batch_size]) for start in range(0, len(ordered), batch_size)
    ]


@dataclass(frozen=True)
class BatchOrder:
    """The order of batches in each epoch; see the `--shuffle_*` flags."""

    shuffle: bool
    first_shuffled_epoch: int
    buffer_size: int
    seed: int

    def indices(self, batch_count: int, epoch: int) -> list[int]:
        """Return the order of an epoch's batches: the same for the same arguments, always."""
        if not self.shuffle or epoch < self.first_shuffled_epoch:
            return list(range(batch_count))
        generator = random.Random(f"{self.seed} {epoch}")
        order: list[int] = []
        buffer: list[int] = []
        for index in range(batch_count):
            buffer.append(index)
            if len(buffer) == self.buffer_size:
                order.append(_take_any(buffer, generator))
        while buffer:
            order.append(_take_any(buffer, generator))
        return order


def _take_any(buffer: list[int], generator: random.Random) -> int:
    chosen = generator.randrange(len(buffer))
    buffer[chosen], buffer[-1] = buffer[-1], buffer[chosen]
    return buffer.pop()


class BatchLoader:
    """Turns groups of clips into batches, a few ahead of their use, on threads of its own."""

    def __init__(self, store: FeatureStore, alphabet: Alphabet, workers: int = 2) -> None:
        self._store = store
        self.alphabet = alphabet
        self._workers = workers

    def load(self, clips: Sequence[Clip]) -> Batch:
        """Return one batch.

        Raises:
            AudioError: the audio has become unreadable since the corpus was checked.
        """
        features = [torch.from_numpy(self._store(clip)) for clip in clips]
        labels = [torch.tensor(self.alphabet.encode(clip.transcript)) for clip in clips]
        return Batch(
            clips=tuple(clips),
            features=torch.nn.utils.rnn.pad_sequence(features, batch_first=True),
            lengths=torch.tensor([len(clip_features) for clip_features in features]),
            labels=torch.cat(labels).long(),
            label_lengths=torch.tensor([len(clip_labels) for clip_labels in labels]),
        )

    def __call__(self, groups: Iterable[Sequence[Clip]]) -> Iterator[Batch]:
        """Yield batches in order."""
        ahead: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="batches") as pool:
            try:
                for group in groups:
                    ahead.append(pool.submit(self.load, group))
                    if len(ahead) > _BATCHES_AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()
