"""Features of clips in a folder, for later runs.

An entry has the place of the audio and the front end in its name, and in its head what the audio
was: size, time of change, and a digest of its bytes. One whose audio has another size, or another
time of change and other bytes, is stale, and the new one takes its place.

    size, time, digest, frames, values, float32 values
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from stt.audio.reference import AudioReference
from stt.frontends import FrontEnd

from ..errors import AudioError
from .cache_folder import CacheFolder

Features = NDArray[np.float32]  # [frames, values]

_HEAD = struct.Struct("<qq16sII")
_SUFFIX = ".features"


@dataclass(frozen=True)
class AudioIdentity:
    """What audio was when its features were computed."""

    size_bytes: int
    modified_ns: int
    digest: bytes


def identify(audio: AudioReference) -> AudioIdentity:
    """Return what audio is now.

    Raises:
        AudioError: it is gone.
    """
    try:
        status = audio.path.stat()
    except OSError as error:
        raise AudioError(f"{audio}: {(error.strerror or str(error)).lower()}") from None
    whole = replace(audio, start_seconds=0.0, end_seconds=None)
    digest = _digest(whole, status.st_size, status.st_mtime_ns)
    return AudioIdentity(status.st_size, status.st_mtime_ns, digest)


@lru_cache(maxsize=256)  # a long recording is that of many pieces
def _digest(recording: AudioReference, size_bytes: int, modified_ns: int) -> bytes:
    return hashlib.blake2b(recording.stored(), digest_size=16).digest()


class FeatureCache:
    """Features in a folder. Safe to call from several threads.

    Args:
        folder: where they are.
        front_end: that they come from.
    """

    def __init__(self, folder: CacheFolder, front_end: FrontEnd) -> None:
        self._folder = folder
        self._front_end = str(front_end)

    def read(self, audio: AudioReference) -> Features | None:
        """Return the features of audio; None where there are none, or stale or damaged ones.

        Raises:
            FlagError: the folder cannot be written to.
        """
        content = self._folder.read(self._name(audio))
        found = None if content is None else _parse(content)
        if found is None:
            return None
        known, features = found
        try:
            status = audio.path.stat()
        except OSError:
            return None
        if (status.st_size, status.st_mtime_ns) == (known.size_bytes, known.modified_ns):
            return features
        now = identify(audio) if status.st_size == known.size_bytes else None
        if now is None or now.digest != known.digest:
            return None
        self.write(audio, now, features)  # only touched: next time its bytes need not be read
        return features

    def write(self, audio: AudioReference, known: AudioIdentity, features: Features) -> None:
        """Keep the features of audio, unless the folder is full.

        Args:
            audio: where it is.
            known: what it was before its features were computed.
            features: those.

        Raises:
            FlagError: the folder cannot be written to.
        """
        self._folder.write(self._name(audio), _format(known, features))

    def clear(self) -> None:
        """Remove all features."""
        self._folder.clear(_SUFFIX)

    def _name(self, audio: AudioReference) -> str:
        known = f"{audio.key}\0{self._front_end}"
        return hashlib.sha256(known.encode(errors="surrogatepass")).hexdigest()[:32] + _SUFFIX


def _format(identity: AudioIdentity, features: Features) -> bytes:
    frames, width = features.shape
    head = (identity.size_bytes, identity.modified_ns, identity.digest, frames, width)
    return _HEAD.pack(*head) + np.ascontiguousarray(features, np.float32).tobytes()


def _parse(content: memoryview) -> tuple[AudioIdentity, Features] | None:
    if len(content) < _HEAD.size:
        return None
    size, modified, digest, frames, width = _HEAD.unpack_from(content)
    values = content[_HEAD.size :]
    if len(values) != 4 * frames * width:
        return None
    features = np.frombuffer(values, np.float32).reshape(frames, width).copy()
    return AudioIdentity(size, modified, digest), features
