"""A folder of what was computed once and may be read again: `--feature_cache`.

A checksum tells damaged entries, so they are written without waiting for the disk. Processes may
share a folder.

    "STTCACH1", checksum of what follows, content
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..errors import FlagError

_MAGIC = b"STTCACH1"
_HEAD = struct.Struct("<8sI")
_SUFFIXES = (".features", ".hidden")
_LEFT_FREE = 0.05  # of the disk, where no limit is given
_KEPT_OF_FULL = 0.9
_log = logging.getLogger(__name__)


class CacheFolder:
    """Entries of a folder, each read and written on its own. Safe to call from several threads.

    An entry's name is hexadecimal digits and a suffix, `.features` or `.hidden`.

    Args:
        folder: where they are; it is made when the first is written.
        limit_bytes: of all entries; 0: until a twentieth of the disk is left.
    """

    def __init__(self, folder: Path, limit_bytes: int = 0) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._writing: set[Path] = set()
        self._full = False
        self._used_bytes = 0
        if limit_bytes:
            self._used_bytes = _make_room(folder, limit_bytes)

    def read(self, name: str) -> memoryview | None:
        """Return the content of an entry; None where there is none, or a damaged one."""
        try:
            entry = self._path(name).read_bytes()
        except OSError:
            return None
        if len(entry) < _HEAD.size:
            return None
        magic, checksum = _HEAD.unpack_from(entry)
        content = memoryview(entry)[_HEAD.size :]
        return content if magic == _MAGIC and zlib.crc32(content) == checksum else None

    def write(self, name: str, content: bytes) -> None:
        """Keep an entry, unless the folder is full.

        Raises:
            FlagError: the folder cannot be written to.
        """
        path = self._path(name)
        with self._lock:
            if path in self._writing or not self._has_room(_HEAD.size + len(content)):
                return
            self._writing.add(path)
            self._used_bytes += _HEAD.size + len(content)
        # Not `replacing`, which waits for the disk: a damaged entry is noticed and made again. As
        # there, nobody can guess the name and put a link in its place.
        partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("xb") as file:
                file.write(_HEAD.pack(_MAGIC, zlib.crc32(content)))
                file.write(content)
            partial.replace(path)
        except OSError as error:
            with suppress(OSError):
                partial.unlink()
            raise FlagError(
                f"--feature_cache: {path} cannot be written ({error.strerror or error}); free "
                "space, give another folder, or leave the flag out: features are kept in memory "
                "anyway"
            ) from None
        finally:
            with self._lock:
                self._writing.discard(path)

    def clear(self, suffix: str) -> None:
        """Remove all entries of a suffix."""
        for entry in _entries(self._folder):
            if entry.name.endswith(suffix):
                self._used_bytes -= entry.stat().st_size
                Path(entry.path).unlink(missing_ok=True)
        self._used_bytes, self._full = max(0, self._used_bytes), False

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

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
            _log.warning("%s is full: features outside of it are recomputed", self._folder)
        return not self._full


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
            yield from (one for one in os.scandir(part.path) if one.name.endswith(_SUFFIXES))
