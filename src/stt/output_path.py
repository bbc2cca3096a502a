"""Whether what a command is to write can be written: found out before hours of work, not after."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .errors import FlagError

_LONGEST_HEAD_BYTES = 1 << 16


def check_output_file(flag: str, path: str | Path, sources: Iterable[str | Path] = ()) -> None:
    """See that a file can be written, without a trace.

    Args:
        flag: that named it, for the error; `--test_output_file`.
        path: the file; its folders need not exist yet.
        sources: what is read, and not to be written over.

    Raises:
        FlagError: it cannot, or is one of the sources.
    """
    file = Path(path)
    for source in sources:
        if file.exists() and Path(source).exists() and file.samefile(source):
            raise FlagError(
                f"{flag} {path}: is one of the sources, and would be overwritten; give another file"
            )
    if file.is_dir():
        raise FlagError(f"{flag} {path}: is a folder; give a file")
    if file.exists() and not file.is_file():
        raise FlagError(
            f"{flag} {path}: is not a regular file, and is not overwritten; give another one"
        )
    _check_folder(flag, path, file.parent)


def check_output_list(
    flag: str, path: str | Path, column: str, sources: Iterable[str | Path] = ()
) -> None:
    """See that a CSV file can be written, and that somebody's own is not written over.

    Args:
        flag: that named it.
        path: the file.
        column: that lists of the same command have, and others most likely have not.
        sources: what is read.

    Raises:
        FlagError: it cannot, or is there and none of these lists.
    """
    check_output_file(flag, path, sources)
    if not Path(path).is_file():
        return
    with Path(path).open("rb") as file:
        head = file.readline(_LONGEST_HEAD_BYTES).decode("utf-8-sig", "replace")
    if head.strip() and column not in head.strip().split(","):
        raise FlagError(
            f"{flag} {path}: exists already, and was not written by this command; give another "
            "path, or move that file away"
        )


def check_output_folder(flag: str, path: str | Path) -> None:
    """See that files can be written to a folder, or that it can be made, without a trace.

    Raises:
        FlagError: they cannot.
    """
    if Path(path).exists() and not Path(path).is_dir():
        raise FlagError(f"{flag} {path}: is a file; give a folder")
    _check_folder(flag, path, Path(path))


def _check_folder(flag: str, path: str | Path, folder: Path) -> None:
    try:
        str(folder.absolute()).encode()
    except UnicodeEncodeError:
        raise FlagError(
            f"{flag} {path}: the name is not UTF-8, so it cannot be written into files; give "
            "another path"
        ) from None
    nearest = folder.absolute()
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise FlagError(f"{flag} {path}: {nearest} is a file, not a folder")
    try:
        # Permissions alone do not tell: there are read-only disks, and folders like /proc.
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = (
            "not a folder for files" if error.errno == errno.ENOENT else error.strerror or error
        )
        raise FlagError(
            f"{flag} {path}: {nearest} cannot be written to ({reason}); give another path"
        ) from None
