"""Checks that output can be written, before a command works for hours."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .errors import FlagError

_LONGEST_HEAD_BYTES = 1 << 16


def check_output_file(flag: str, path: str | Path, sources: Iterable[str | Path] = ()) -> None:
    """Check that a file can be written, without leaving anything behind.

    Args:
        flag: flag that names the file, such as `--test_output_file`, for the error.
        path: path of the file; its folders need not exist yet.
        sources: input files, which must not be overwritten.

    Raises:
        FlagError: the file cannot be written, or is one of the sources.
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
    """Check that a CSV file can be written, and does not overwrite a file of the user's.

    Args:
        flag: flag that names the file.
        path: path of the file.
        column: name of a column by which the output of this command is recognised.
        sources: input files, which must not be overwritten.

    Raises:
        FlagError: the file cannot be written, or exists and was not written by this command.
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
    """Check that files can be written to a folder, or that it can be created.

    Raises:
        FlagError: the folder cannot be written to or created.
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
        # Permissions do not tell: disks may be read-only, and folders such as /proc take no files.
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        reason = (
            "not a folder for files" if error.errno == errno.ENOENT else error.strerror or error
        )
        raise FlagError(
            f"{flag} {path}: {nearest} cannot be written to ({reason}); give another path"
        ) from None
