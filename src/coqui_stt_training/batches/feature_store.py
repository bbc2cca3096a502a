"""Features of clips, computed once and kept: in memory, and in a folder where one is given."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stt.atomic_file import replacing
from stt.audio.file import read_audio
from stt.audio.reference import AudioReference
from stt.frontends import FrontEnd

from ..corpus import Clip
from ..errors import FlagError

Features = NDArray[np.float32]  # [frames, values]

# An hour of audio is 19 MB of features: this keeps 100 hours.
DEFAULT_MEMORY_LIMIT_BYTES = 2 << 30


class FeatureStore:
    """Computes the features of clips, and remembers them. Safe to call from several threads.

    Args:
        front_end: what features to compute.
        folder: where to keep them for later runs too (`--feature_cache`); None: memory only.
        memory_limit_bytes: how much to keep in memory; beyond it they are read or computed anew.
    """

    def __init__(
        self,
        front_end: FrontEnd,
        folder: Path | None = None,
        memory_limit_bytes: int = DEFAULT_MEMORY_LIMIT_BYTES,
    ) -> None:
        self.front_end = front_end
        self._extract = front_end.extractor(np)
        self._folder = folder
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
        """Forget everything in memory, and compute files in the folder anew."""
        self._kept.clear()
        self._kept_samples.clear()
        self._memory_left = self._memory_limit
        if self._folder:
            for file in self._folder.glob("*.npy"):
                file.unlink(missing_ok=True)

    def _read_or_compute(self, clip: Clip) -> Features:
        kept = self._file(clip)
        if kept and kept.exists():
            try:
                loaded = np.load(kept, allow_pickle=False)
                if loaded.dtype == np.float32 and loaded.ndim == 2:
                    return np.asarray(loaded, np.float32)
            except (OSError, ValueError, EOFError, MemoryError):
                pass  # a damaged file in a cache is computed anew
        features: Features = self._extract(self._read(clip))
        if kept:
            _write(kept, features)
        return features

    def _file(self, clip: Clip) -> Path | None:
        if self._folder is None:
            return None
        status = clip.audio.path.stat()
        key = f"{clip.audio.key} {status.st_size} {status.st_mtime_ns} {self.front_end}"
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"


def _write(path: Path, features: Features) -> None:
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            np.save(file, features, allow_pickle=False)
    except OSError as error:
        raise FlagError(
            f"--feature_cache: {path} cannot be written ({error.strerror or error}); make room, "
            "name another folder, or leave the flag out: features are kept in memory anyway"
        ) from None
