"""What must be unpacked before any clip of it can be read, kept in a folder for the next run.

Clips are read in any order, which compressed and remote files do not allow. `STT_DATA_CACHE` names
another folder than `~/.cache/coqui-stt`; what is in it can be removed at any time.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from stt.atomic_file import replacing

from ..errors import CorpusError

_BLOCK_BYTES = 1 << 20
_LEAST_LIMIT_BYTES, _MOST_RATIO = 1 << 26, 100  # speech shrinks to a half, text to a tenth


def cache_folder() -> Path:
    """Return the folder; it need not exist yet."""
    named = os.environ.get("STT_DATA_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coqui-stt"


def unpacked(path: Path, suffix: str, unpack: Callable[[Path], None]) -> Path:
    """Return what a file was unpacked to: it is unpacked now, unless it was, and did not change.

    Args:
        path: the file.
        suffix: what to call the result.
        unpack: writes the result to the name that it is given.

    Raises:
        CorpusError: the cache cannot be written to.
    """
    return made_once([path], suffix, unpack)


def cached_name(paths: Sequence[Path], suffix: str, context: str = "") -> Path:
    """Return the path in the cache of what is made of files in their present state.

    Args:
        paths: the files.
        suffix: suffix of the result.
        context: what else the result depends on.
    """
    digest = hashlib.sha256(context.encode(errors="surrogatepass"))
    for path in paths:
        status = path.stat()
        key = f"{path.absolute()}\0{status.st_size}\0{status.st_mtime_ns}"
        digest.update(key.encode(errors="surrogatepass"))
    return cache_folder() / f"{paths[0].name[:80]}-{digest.hexdigest()[:16]}{suffix}"


def made_once(
    paths: Sequence[Path], suffix: str, make: Callable[[Path], None], context: str = ""
) -> Path:
    """Return the path of what is made of files; make it if it is missing or a file has changed.

    Args:
        paths: the files.
        suffix: suffix of the result.
        make: writes the result to a given path.
        context: what else the result depends on.

    Raises:
        CorpusError: the cache cannot be written to.
    """
    target = cached_name(paths, suffix, context)
    if not target.exists():
        try:
            with replacing(target) as partial:
                make(partial)
        except OSError as error:
            raise CorpusError(
                f"{paths[0]}: cannot be unpacked to {target} ({error.strerror or error}); make "
                "room, or name another folder in STT_DATA_CACHE"
            ) from None
    return target


def unpack_gzip(path: Path) -> Path:
    """Return a file with what a gzip file holds.

    Raises:
        CorpusError: it is damaged, or the cache cannot be written to.
    """

    most_bytes = _LEAST_LIMIT_BYTES + _MOST_RATIO * path.stat().st_size

    def write(target: Path) -> None:
        try:
            with gzip.open(path) as source, target.open("wb") as file:
                while block := source.read(_BLOCK_BYTES):
                    if file.write(block) and file.tell() > most_bytes:
                        raise CorpusError(
                            f"{path}: unpacks to more than {most_bytes >> 20} MB, which no archive "
                            "of recordings does; if it is one, unpack it yourself"
                        )
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise CorpusError(f"{path}: damaged gzip ({error}); copy the file again") from None

    return unpacked(path, "", write)
