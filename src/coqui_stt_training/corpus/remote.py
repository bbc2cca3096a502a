"""Collections on the network, by any URL that fsspec reads: a copy is kept in the data cache.

`s3://bucket/set/train.csv` lies in the cache as `remote/s3/bucket/set/train.csv`, so that names in
it mean what lies beside it there. A copy is there in full or not at all. Files that are named are
compared with the cache by what the store says of them (ETag, checksum, time of change), each time;
recordings that a list names, when the list has changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from stt.atomic_file import replacing, write_atomically
from stt.counted import counted

from ..errors import CorpusError
from .unpacked import cache_folder

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL)
_FOLDER, _STAMPS = "remote", "remote-stamps"
_AGAIN = "give the same command again later, and it goes on with what is not here yet"
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.5
_BLOCK_BYTES = 1 << 20
_AT_ONCE = 16
_LONGEST_NAME = 200
# What stores say of a file that is another after every change; the size alone does not tell.
_STAMPS_OF_STORES = (
    *("ETag", "etag", "md5Hash", "md5", "crc32c", "checksum", "Content-MD5", "Digest"),
    *("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "modified", "created"),
)
_PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "adl"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp"),
}
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, ImportError)
_MISSING = (404, 410)  # as HTTP says it
_REFUSED = (400, 401, 403, 405)
_log = logging.getLogger(__name__)

Found = TypeVar("Found")


def is_url(name: str) -> bool:
    """Whether a name is a URL, and none of a file here."""
    found = _URL.fullmatch(name)
    return found is not None and found[1] not in ("file", "local")


def copies_folder() -> Path:
    """Return where copies are."""
    return cache_folder() / _FOLDER


def url_of(path: Path) -> str | None:
    """Return where a file in the cache comes from; None for files elsewhere."""
    home = copies_folder()
    if not path.is_relative_to(home):
        return None
    scheme, *parts = path.relative_to(home).parts
    place = next((at for at, part in enumerate(parts) if part.startswith("?")), len(parts))
    query = unquote("".join(parts[place:-1]))  # with its question mark
    rest = [*parts[:place], *parts[-1:]] if query else parts
    return f"{scheme}://{'/'.join(rest)}{query}"


@dataclass(frozen=True)
class Mirror:
    """Copies of remote files in the data cache.

    Attributes:
        pause: waits so many seconds before the next attempt.
    """

    pause: Callable[[float], object] = time.sleep

    def path(self, url: str) -> Path:
        """Return where the copy of a file or folder is, or would be.

        Raises:
            CorpusError: its name leads out of the place it is in.
        """
        found = _URL.fullmatch(url)
        scheme, rest = (found[1], found[2]) if found else ("", "")
        plain, query = rest, ""
        if scheme.startswith("http"):
            plain, _, query = rest.partition("?")
        place = PurePosixPath(plain.strip("/"))
        if not plain.strip("/") or ".." in place.parts or "\0" in plain or "::" in url:
            raise CorpusError(f"{url}: names no file")
        if query:  # such as a signature: folders of its own, for what lies beside it, too
            quoted = "?" + quote(query, safe="")
            cut = range(0, len(quoted), _LONGEST_NAME)
            place = place.parent.joinpath(
                *(quoted[at : at + _LONGEST_NAME] for at in cut), place.name
            )
        return copies_folder() / scheme / place

    def matching(self, pattern: str) -> list[str]:
        """Return the URLs of the files that a pattern means, sorted.

        Raises:
            CorpusError: they cannot be listed.
        """
        store, path = self._store(pattern)
        names = self._persistent(pattern, lambda: store.glob(path))
        return sorted(store.unstrip_protocol(name) for name in names)

    def fetch(self, url: str) -> tuple[Path, bool]:
        """Return the newest copy of a file, or of all files in a folder, and whether it is new.

        Raises:
            CorpusError: it is missing, cannot be read however often it is tried, or the cache
                cannot be written.
        """
        target = self.path(url)
        store, path = self._store(url)
        try:
            about = self._persistent(url, lambda: store.info(path))
        except FileNotFoundError:
            raise CorpusError(f"{url}: no such file or folder") from None
        if about.get("type") != "directory":
            return target, self._update(url, target, about)
        members = self._persistent(url, lambda: store.find(path, detail=True))
        urls = {store.unstrip_protocol(name): found for name, found in members.items()}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            changed = list(pool.map(lambda one: self._update(one, self.path(one), urls[one]), urls))
        there = {self.path(one) for one in urls}
        gone = [copy for copy in target.rglob("*") if copy.is_file() and copy not in there]
        for copy in gone:
            copy.unlink(missing_ok=True)
        return target, bool(gone) or any(changed)

    def fetch_all(self, paths: Iterable[Path], *, anew: bool) -> None:
        """See that copies of remote recordings are in the cache; what is missing there is left out.

        Args:
            paths: of the copies.
            anew: whether to compare those that are there, too.

        Raises:
            CorpusError: the store cannot be read however often it is tried; names the first URL.
        """
        wanted = [(url, path) for path in dict.fromkeys(paths) if (url := url_of(path))]
        wanted = [one for one in wanted if anew or not one[1].exists()]
        if not wanted:
            return
        _log.info("Fetching %s to %s", counted(len(wanted), "recording"), copies_folder())

        def fetch(one: tuple[str, Path]) -> None:
            url, path = one
            store, name = self._store(url)
            try:
                about = self._persistent(url, lambda: store.info(name))
            except FileNotFoundError:
                path.unlink(missing_ok=True)  # the row that names it is a bad row
                return
            self._update(url, path, about)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(fetch, wanted):
                pass

    def _update(self, url: str, target: Path, about: dict[str, Any]) -> bool:
        """Bring a copy up to date; return whether it was not."""
        stamp = {name: str(about[name]) for name in _STAMPS_OF_STORES if about.get(name)}
        record = cache_folder() / _STAMPS / f"{_digest(url)}.json"
        current = json.dumps({"url": url, "size": about.get("size"), **stamp})
        if stamp and target.is_file() and _text_of(record) == current:
            return False
        store, path = self._store(url)
        try:
            self._persistent(url, lambda: _copy(store, path, target, about.get("size")))
            write_atomically(record, current)
        except FileNotFoundError:
            raise CorpusError(f"{url}: no such file") from None
        return True

    def _persistent(self, url: str, act: Callable[[], Found]) -> Found:
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
                    raise CorpusError(f"{url}: cannot be read{tried}: {reason}{again}") from error
                _log.info("%s: %s; trying again", url, reason)
                self.pause(_FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError

    def _store(self, url: str) -> tuple[Any, str]:
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
            raise CorpusError(f"{url}: {error}; for example: pip install {_package(url)}") from None
        except ValueError as error:
            raise CorpusError(f"{url}: {error}") from None
        return store, str(path)


def _cause_of(error: Exception) -> Exception:
    """Return what went wrong: over HTTP, fsspec says of any failure that there is no such file."""
    cause = error.__cause__
    if not isinstance(error, FileNotFoundError) or not isinstance(cause, Exception):
        return error
    return error if getattr(cause, "status", None) in _MISSING else cause


def _package(url: str) -> str:
    return _PACKAGES.get(url.partition("://")[0], "fsspec[full]")


def _copy(store: Any, path: str, target: Path, size: int | None) -> None:
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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
