"""Features of clips, computed once and kept: in memory, and in a folder where one is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stt.audio.file import read_audio
from stt.audio.reference import AudioReference
from stt.frontends import FrontEnd

from ..corpus import Clip
from .feature_cache import FeatureCache, Features, identify

# An hour of audio is 19 MB of features: this keeps 100 hours.
DEFAULT_MEMORY_LIMIT_BYTES = 2 << 30


class FeatureStore:
    """Computes the features of clips, and remembers them. Safe to call from several threads.

    Args:
        front_end: what features to compute.
        cache: where to keep them for later runs too; None: memory only.
        memory_limit_bytes: how much to keep in memory; beyond it they are read or computed anew.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        cache: FeatureCache | None = None,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
    ) -> None:
        self.front_end = front_end
        self._extract = front_end.extractor(np)
        self._cache = cache
        self._memory_left = memory_limit_bytes
        self._memory_limit = memory_limit_bytes
        self._kept: dict[AudioReference, Features] = {}
        self._kept_samples: dict[AudioReference, NDArray[np.float32]] = {}

    def __call__(self, clip: Clip) -> Features:
        """Return a clip's features, float32 `[frames, values]`.

        Raises:
            AudioError: the audio has become unreadable since the corpus was checked.
            FlagError: the folder cannot be written to.
        """
        features = self._kept.get(clip.audio)
        if features is None:
            features = self._read_or_compute(clip)
            if features.nbytes <= self._memory_left:
                self._memory_left -= features.nbytes
                self._kept[clip.audio] = features
        return features

    def samples(self, clip: Clip) -> NDArray[np.float32]:
        """Return a clip's audio, float32 `[samples]`, which nobody may change.

        It is kept in the same memory as features: of clips that are augmented again and again.

        Raises:
            AudioError: it has become unreadable since the corpus was checked.
        """
        samples = self._kept_samples.get(clip.audio)
        if samples is None:
            samples = self._read(clip)
            if samples.nbytes <= self._memory_left:
                self._memory_left -= samples.nbytes
                self._kept_samples[clip.audio] = samples
        return samples

    def _read(self, clip: Clip) -> NDArray[np.float32]:
        return read_audio(clip.audio, self.front_end.sample_rate_hz)

    def clear(self) -> None:
        """Forget everything in memory and in the cache."""
        self._kept.clear()
        self._kept_samples.clear()
        self._memory_left = self._memory_limit
        if self._cache:
            self._cache.clear()

    def _read_or_compute(self, clip: Clip) -> Features:
        kept = self._cache.read(clip.audio) if self._cache else None
        if kept is not None:
            return kept
        known = identify(clip.audio) if self._cache else None
        features: Features = self._extract(self._read(clip))
        if self._cache and known:
            self._cache.write(clip.audio, known, features)
        return features
