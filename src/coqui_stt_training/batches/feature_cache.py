"""Features of clips in a folder, for later runs: `--feature_cache`.

An entry has the place of the audio and the front end in its name, and in its head what the audio
was: size, time of change, and a digest of its bytes. One whose audio has another size, or another
time of change and other bytes, is stale, and the new one takes its place. A checksum tells damaged
ones, so entries are written without waiting for the disk. Processes may share a folder.

    "STTFEAT1", head: size, time, digest, frames, values, checksum of what follows, float32 values
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stt.audio.reference import AudioReference
from stt.frontends import FrontEnd

from ..errors import AudioError, FlagError

Features = NDArray[np.float32]  # [frames, values]

_MAGIC = b"STTFEAT1"
_HEAD = struct.Struct("<8sqq16sIII")
_SUFFIX = ".features"
_LEFT_FREE = 0.05  # of the disk, where no limit is given
_KEPT_OF_FULL = 0.9
_log = logging.getLogger(__name__)


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
    digest = hashlib.blake2b(audio.stored(), digest_size=16).digest()
    return AudioIdentity(status.st_size, status.st_mtime_ns, digest)


class FeatureCache:
    """Entries of a folder, each read and written on its own. Safe to call from several threads.

    Args:
        folder: where they are; it is made when the first is written.
        front_end: that features come from.
        limit_bytes: of all entries; 0: until a twentieth of the disk is left.
    """

    def __init__(self, folder: Path, front_end: FrontEnd, limit_bytes: int = 0) -> None:
        self._folder = folder
        self._front_end = str(front_end)
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._writing: set[Path] = set()
        self._full = False
        self._used_bytes = 0
        if limit_bytes:
            self._used_bytes = _make_room(folder, limit_bytes)

    def read(self, audio: AudioReference) -> Features | None:
        """Return the features of audio; None where there are none, or stale or damaged ones.

        Raises:
            FlagError: the folder cannot be written to.
        """
        path = self._path(audio)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        found = _parse(content)
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
        self._write(path, now, features)  # only touched: next time its bytes need not be read
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
        self._write(self._path(audio), known, features)

    def clear(self) -> None:
        """Remove all entries."""
        for entry in _entries(self._folder):
            Path(entry.path).unlink(missing_ok=True)
        self._used_bytes, self._full = 0, False

    def _path(self, audio: AudioReference) -> Path:
        known = f"{audio.key}\0{self._front_end}"
        name = hashlib.sha256(known.encode(errors="surrogatepass")).hexdigest()[:32]
        return self._folder / name[:2] / f"{name}{_SUFFIX}"

    def _write(self, path: Path, identity: AudioIdentity, features: Features) -> None:
        content = _format(identity, features)
        with self._lock:
            if path in self._writing or not self._has_room(len(content)):
                return
            self._writing.add(path)
            self._used_bytes += len(content)
        writer = f"{os.getpid()}-{threading.get_ident()}"
        partial = path.with_name(f".{path.name}.{writer}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise FlagError(
                f"--feature_cache: {path} cannot be written ({error.strerror or error}); make "
                "room, name another folder, or leave the flag out: features are kept in memory "
                "anyway"
            ) from None
        finally:
            with self._lock:
                self._writing.discard(path)

    def _has_room(self, size_bytes: int) -> bool:
        if self._full:
            return False
        if self._limit_bytes:
            self._full = self._used_bytes + size_bytes > self._limit_bytes
        else:
            home = next(place for place in (self._folder, *self._folder.parents) if place.exists())
            usage = shutil.disk_usage(home)
            self._full = usage.free - size_bytes < _LEFT_FREE * usage.total
        if self._full:
            _log.warning(
                "%s is full: features of further clips are computed when they are needed",
                self._folder,
            )
        return not self._full


def _format(identity: AudioIdentity, features: Features) -> bytes:
    values = np.ascontiguousarray(features, np.float32).tobytes()
    frames, width = features.shape
    head = (
        *(_MAGIC, identity.size_bytes, identity.modified_ns, identity.digest),
        *(frames, width, zlib.crc32(values)),
    )
    return _HEAD.pack(*head) + values


def _parse(content: bytes) -> tuple[AudioIdentity, Features] | None:
    if len(content) < _HEAD.size:
        return None
    magic, size, modified, digest, frames, width, checksum = _HEAD.unpack_from(content)
    values = memoryview(content)[_HEAD.size :]
    if magic != _MAGIC or len(values) != 4 * frames * width or zlib.crc32(values) != checksum:
        return None
    features = np.frombuffer(values, np.float32).reshape(frames, width).copy()
    return AudioIdentity(size, modified, digest), features


def _make_room(folder: Path, limit_bytes: int) -> int:
    """Remove the oldest entries of a folder that is too full; return how large the others are."""
    entries = [(one.stat().st_mtime_ns, one.stat().st_size, one.path) for one in _entries(folder)]
    used = sum(size for _, size, _ in entries)
    if used <= limit_bytes:
        return used
    for _, size, path in sorted(entries):
        if used <= _KEPT_OF_FULL * limit_bytes:
            break
        Path(path).unlink(missing_ok=True)
        used -= size
    return used


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    if not folder.is_dir():
        return
    for part in os.scandir(folder):
        if part.is_dir() and len(part.name) == 2:
            yield from (one for one in os.scandir(part.path) if one.name.endswith(_SUFFIX))
