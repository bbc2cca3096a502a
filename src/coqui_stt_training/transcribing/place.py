"""Where recordings and logs are: in files here, or at URLs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path, PurePath, PurePosixPath

from stt.atomic_file import write_atomically

from ..corpus.stores import Stores, is_url

Place = Path | str  # a file or folder here, or a URL


def place_of(name: str) -> Place:
    """Return what a user named."""
    return name if is_url(name) else Path(name)


def inside(folder: Place, relative: PurePath) -> Place:
    """Return what lies in a folder."""
    if isinstance(folder, Path):
        return folder / relative
    return f"{folder.rstrip('/')}/{relative.as_posix()}"


def with_suffix(place: Place, suffix: str) -> Place:
    """Return a place beside another, of the same name but for its ending."""
    if isinstance(place, Path):
        return place.with_suffix(suffix)
    folder, _, name = place.rpartition("/")
    return f"{folder}/{PurePosixPath(name).with_suffix(suffix)}"


def write(place: Place, text: str) -> None:
    """Write a text, in full or not at all.

    Raises:
        OSError: the folder cannot be written to.
        CorpusError: the store cannot be.
    """
    if isinstance(place, Path):
        write_atomically(place, text)
    else:
        Stores().write(place, text.encode())


@contextmanager
def copied_here(place: Place) -> Iterator[Path]:
    """Yield a file's name; of a URL, that of a copy that is removed afterwards.

    Raises:
        CorpusError: it cannot be fetched.
    """
    if isinstance(place, Path):
        yield place
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, PurePosixPath(place).name)
        Stores().copy(place, copy)
        yield copy


def files_there(places: Sequence[Place]) -> Callable[[Place], bool]:
    """Return what tells whether a file exists that is among these or beside them.

    Stores are asked once for all that they have, not for each file.
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
