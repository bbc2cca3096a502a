"""What lies on the network, in any store that fsspec reads, with patience and plain errors."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from stt.atomic_file import replacing

from ..errors import CorpusError

URL = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL)
_AGAIN = "give the same command again later, and it goes on with what is not done yet"
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5
_BLOCK_BYTES = 1 << 20
_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "adl"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
}
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, ImportError)
_MISSING = (404, 410)  # as HTTP says it
_REFUSED = (400, 401, 403, 405)
# Stores in which a file is there in full or not at all, without our doing.
_WHOLE = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "memory")
_log = logging.getLogger(__name__)

Found = TypeVar("Found")


def is_url(name: str) -> bool:
    """Whether a name is a URL, and none of a file here."""
    found = URL.fullmatch(name)
    return found is not None and found[1] not in ("file", "local")


@dataclass(frozen=True)
class Stores:
    """All that URLs name.

    Attributes:
        pause: waits so many seconds before the next attempt.
    """

    pause: Callable[[float], object] = time.sleep

    def files(self, url: str, *, recursive: bool = True) -> list[str] | None:
        """Return what the files in a folder are called in it, sorted; None: it is a file itself.

        Names that lead out of the folder, which some stores allow, are left out.

        Raises:
            FileNotFoundError: there is neither.
            CorpusError: it cannot be read, however often it is tried.
        """
        store, path = self.open(url)
        if self.persistent(url, lambda: store.info(path)).get("type") != "directory":
            return None
        depth = None if recursive else 1
        names = self.persistent(url, lambda: store.find(path, maxdepth=depth))
        inside = (str(name)[len(path.rstrip("/")) + 1 :] for name in names)
        return sorted(name for name in inside if ".." not in name.split("/"))

    def copy(self, url: str, target: Path) -> None:
        """Copy a file here.

        Raises:
            CorpusError: it is missing, or cannot be read however often it is tried; there is no
                room for it.
        """
        store, path = self.open(url)
        try:
            size = self.persistent(url, lambda: store.info(path)).get("size")
            self.persistent(url, lambda: copy_file(store, path, target, size))
        except FileNotFoundError:
            raise CorpusError(f"{url}: no such file") from None

    def write(self, url: str, content: bytes) -> None:
        """Write a file, in full or not at all, in place of what is there.

        Raises:
            CorpusError: it cannot be written, however often it is tried.
        """
        store, path = self.open(url)
        folder, _, name = path.rpartition("/")

        def put() -> None:
            if url.partition("://")[0] in _WHOLE:
                store.pipe_file(path, content)
                return
            store.makedirs(folder, exist_ok=True)
            partial = f"{folder}/.{name}.partial"
            store.pipe_file(partial, content)
            store.mv(partial, path)

        self.persistent(url, put, "written")

    def persistent(self, url: str, act: Callable[[], Found], done: str = "read") -> Found:
        """Return what an action gives, tried again with longer and longer pauses.

        Raises:
            FileNotFoundError: there is no such file.
            CorpusError: it failed in another way, again and again.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return act()
            except CorpusError:
                raise
            except Exception as error:  # stores raise errors of their own libraries
                cause = _cause_of(error)
                if isinstance(cause, FileNotFoundError):
                    raise cause from None
                reason = " ".join(str(cause).split())[:200] or type(cause).__name__
                is_final = isinstance(cause, _FINAL) or getattr(cause, "status", 0) in _REFUSED
                if is_final or attempt + 1 == _ATTEMPTS:
                    tried = f" after {attempt + 1} attempts" if attempt else ""
                    again = "" if is_final else f"; {_AGAIN}"
                    raise CorpusError(f"{url}: cannot be {done}{tried}: {reason}{again}") from error
                _log.info("%s: %s; trying again", url, reason)
                self.pause(_FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError

    def open(self, url: str) -> tuple[Any, str]:
        """Return fsspec's file system for a URL, and what it calls what is there.

        Raises:
            CorpusError: it needs a package that is not installed, or is no URL.
        """
        try:
            import fsspec
        except ImportError:
            from stt.extras import missing_packages

            raise CorpusError(
                f"{url}: to read from the network, {missing_packages('fsspec', 'remote')}"
            ) from None
        try:
            store, path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            package = _PACKAGES.get(url.partition("://")[0], "fsspec[full]")
            raise CorpusError(f"{url}: {error}; for example: pip install {package}") from None
        except ValueError as error:
            raise CorpusError(f"{url}: {error}") from None
        return store, str(path)


def _cause_of(error: Exception) -> Exception:
    """Return what went wrong: over HTTP, fsspec says of any failure that there is no such file."""
    cause = error.__cause__
    if not isinstance(error, FileNotFoundError) or not isinstance(cause, Exception):
        return error
    return error if getattr(cause, "status", None) in _MISSING else cause


def copy_file(store: Any, path: str, target: Path, size: int | None) -> None:
    """Write a copy, or nothing.

    Raises:
        OSError: it ends too early.
        CorpusError: the cache cannot be written.
    """
    with store.open(path, "rb") as source:
        try:
            with replacing(target) as partial, partial.open("wb") as file:
                while block := _read(source):
                    file.write(block)
                if size is not None and file.tell() != size:
                    raise _RemoteError(f"{file.tell()} of {size} bytes came")
        except _RemoteError as error:
            raise error.cause from None
        except OSError as error:
            raise CorpusError(
                f"{target}: cannot be written ({error.strerror or error}); make room, or name "
                "another folder in STT_DATA_CACHE"
            ) from None


class _RemoteError(Exception):
    """The other side failed, not this one."""

    def __init__(self, reason: str, cause: Exception | None = None) -> None:
        super().__init__(reason)
        self.cause: Exception = cause or OSError(reason)


def _read(source: Any) -> bytes:
    try:
        return bytes(source.read(_BLOCK_BYTES))
    except Exception as error:
        raise _RemoteError(str(error), error) from None
