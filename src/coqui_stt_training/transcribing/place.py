"""Places of recordings and logs: local paths or URLs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path, PurePath, PurePosixPath

from stt.atomic_file import write_atomically

from ..corpus.stores import Stores, is_url

Place = Path | str  # a local file or folder, or a URL


def place_of(name: str) -> Place:
    """Return the place that a user named: a URL, or else a path."""
    return name if is_url(name) else Path(name)


def inside(folder: Place, relative: PurePath) -> Place:
    """Return the place of a relative path in a folder."""
    if isinstance(folder, Path):
        return folder / relative
    return f"{folder.rstrip('/')}/{relative.as_posix()}"


def with_suffix(place: Place, suffix: str) -> Place:
    """Return a place with another suffix."""
    if isinstance(place, Path):
        return place.with_suffix(suffix)
    folder, _, name = place.rpartition("/")
    return f"{folder}/{PurePosixPath(name).with_suffix(suffix)}"


def write(place: Place, text: str) -> None:
    """Write a text atomically.

    Raises:
        OSError: the folder cannot be written to.
        CorpusError: the store cannot be written to.
    """
    if isinstance(place, Path):
        write_atomically(place, text)
    else:
        Stores().write(place, text.encode())


@contextmanager
def copied_here(place: Place) -> Iterator[Path]:
    """Yield a local path: of the file itself, or of a temporary copy of a URL.

    Raises:
        CorpusError: the URL cannot be fetched.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, PurePosixPath(place).name)
        Stores().copy(place, copy)
        yield copy


def files_there(places: Sequence[Place]) -> Callable[[Place], bool]:
    """Return a function that tells whether one of these files, or one beside them, exists.

    It lists remote stores once, instead of a request for each file.
    """
    urls = [place for place in places if isinstance(place, str)]
    known: set[str] = set()
    if urls:
        folder = _common_folder(urls)
        with suppress(FileNotFoundError):  # nothing is there yet
            known.update(f"{folder}/{name}" for name in Stores().files(folder) or ())
    return lambda place: place.is_file() if isinstance(place, Path) else place in known


def _common_folder(urls: Sequence[str]) -> str:
    folders = (url.split("/")[:-1] for url in urls)
    same = takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))
    return "/".join(parts[0] for parts in same)
