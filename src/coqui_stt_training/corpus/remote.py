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
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from stt.atomic_file import write_atomically
from stt.counted import counted

from ..errors import CorpusError
from .stores import URL, Stores, copy_file
from .unpacked import cache_folder

_FOLDER, _STAMPS = "remote", "remote-stamps"
_AT_ONCE = 16
_LONGEST_NAME = 200
# What stores say of a file that is another after every change; the size alone does not tell.
_STAMPS_OF_STORES = (
    *("ETag", "etag", "md5Hash", "md5", "crc32c", "checksum", "Content-MD5", "Digest"),
    *("LastModified", "Last-Modified", "last_modified", "mtime", "updated", "modified", "created"),
)
_log = logging.getLogger(__name__)


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

    @property
    def _stores(self) -> Stores:
        return Stores(self.pause)

    def path(self, url: str) -> Path:
        """Return where the copy of a file or folder is, or would be.

        Raises:
            CorpusError: its name leads out of the place it is in.
        """
        found = URL.fullmatch(url)
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
        store, path = self._stores.open(pattern)
        names = self._stores.persistent(pattern, lambda: store.glob(path))
        return sorted(store.unstrip_protocol(name) for name in names)

    def fetch(self, url: str) -> tuple[Path, bool]:
        """Return the newest copy of a file, or of all files in a folder, and whether it is new.

        Raises:
            CorpusError: it is missing, cannot be read however often it is tried, or the cache
                cannot be written.
        """
        target = self.path(url)
        store, path = self._stores.open(url)
        try:
            about = self._stores.persistent(url, lambda: store.info(path))
        except FileNotFoundError:
            raise CorpusError(f"{url}: no such file or folder") from None
        if about.get("type") != "directory":
            return target, self._update(url, target, about)
        members = self._stores.persistent(url, lambda: store.find(path, detail=True))
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
            store, name = self._stores.open(url)
            try:
                about = self._stores.persistent(url, lambda: store.info(name))
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
        store, path = self._stores.open(url)
        try:
            self._stores.persistent(url, lambda: copy_file(store, path, target, about.get("size")))
            write_atomically(record, current)
        except FileNotFoundError:
            raise CorpusError(f"{url}: no such file") from None
        return True


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
