"""Loads batches of clips that are changed, each in each epoch as seed, epoch and clip decide.

Only features of clips that nothing changes come from the store; those of changed ones are computed
anew each time and never kept. Masks over frames are drawn here and carried out where the model is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..augmentation.chance import Draw, draw_augmentations
from ..augmentation.frames import FrameChange, cepstrum_of
from ..augmentation.kinds import FEATURES, HIDDEN, SAMPLES, SIGNAL
from ..augmentation.samples import Recording, change_samples
from ..augmentation.specification import Augmentation
from ..corpus import Clip
from .batch import Batch, collate
from .feature_store import Features
from .loader import BatchLoader


@dataclass(frozen=True)
class Moment:
    """When a batch is trained on.

    Attributes:
        epoch: counted from 0.
        clock: how far all of training is, 0 to 1.
    """

    epoch: int
    clock: float


class AugmentedLoader:
    """Turns groups of clips into batches, as the augmentations of an epoch change them.

    Args:
        loader: of the same clips without augmentation.
        augmentations: in the order in which they act within a domain.
        seed: of the run.
        output_length: how many frames the model makes of so many of the front end.
    """

    def __init__(
        self,
        loader: BatchLoader,
        augmentations: Sequence[Augmentation],
        seed: int,
        output_length: Callable[[int], int],
    ) -> None:
        self._store = loader.store
        self._alphabet = loader.alphabet
        self._augmentations = tuple(augmentations)
        self._seed = seed
        self._output_length = output_length
        self._front_end = loader.store.front_end
        self._extract = self._front_end.extractor(np)
        self._cepstrum = cepstrum_of(self._front_end)

    def load(self, clips: Sequence[Clip], moment: Moment) -> Batch:
        """Return one batch.

        Raises:
            AudioError: the audio has become unreadable since the corpus was checked.
        """
        draws = [self._draw(clip, moment) for clip in clips]
        labels = [self._alphabet.encode(clip.transcript) for clip in clips]
        features = [
            self._features(clip, drawn, said)
            for clip, drawn, said in zip(clips, draws, labels, strict=True)
        ]
        seconds = tuple(len(one) * self._front_end.step_seconds for one in features)

        def change(domain: str) -> FrameChange:
            of_clips = tuple(_within(drawn, domain) for drawn in draws)
            return FrameChange(of_clips, seconds, self._cepstrum if domain == FEATURES else None)

        return replace(
            collate(clips, features, labels),
            augmented=any(_within(drawn, *_BEFORE_FEATURES) for drawn in draws),
            on_features=change(FEATURES),
            on_hidden=change(HIDDEN),
        )

    def _draw(self, clip: Clip, moment: Moment) -> tuple[Draw, ...]:
        # What a clip is and not where it lies: a run goes on the same elsewhere.
        who = (clip.transcript, clip.duration_seconds, clip.size_bytes)
        return draw_augmentations(self._augmentations, moment.clock, self._seed, moment.epoch, *who)

    def _features(self, clip: Clip, draws: Sequence[Draw], labels: Sequence[int]) -> Features:
        if not _within(draws, *_BEFORE_FEATURES):
            return self._store(clip)
        needed = len(labels) + sum(a == b for a, b in itertools.pairwise(labels))
        recording = Recording(
            self._front_end.sample_rate_hz,
            lambda count: self._output_length(self._front_end.frame_count(count)) >= needed,
        )
        samples = change_samples(
            self._store.samples(clip), _within(draws, SAMPLES, SIGNAL), recording
        )
        features: Features = self._extract(samples)
        return features


_BEFORE_FEATURES = (SAMPLES, SIGNAL)


def _within(draws: Sequence[Draw], *domains: str) -> tuple[Draw, ...]:
    """Return the draws that act in some domains, in the order of these."""
    return tuple(draw for domain in domains for draw in draws if draw.augmentation.domain == domain)
