"""Files that are either there in full or not at all, whenever the process is killed."""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PARTIAL = ".partial"
_MOST_NAME_BYTES = 200


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield an empty file beside `path` to write to; afterwards it takes the place of `path`.

    Missing parent folders are made. On an error the old file stays and the new one is removed. When
    this returns, the file is there after a power cut, too.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; it names the file.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Nobody can have put a link there, as somebody may where the name can be guessed and the folder
    # is everybody's; and threads that write the same file do not share one.
    partial = target.with_name(f".{_within_bounds(target.name)}.{secrets.token_hex(8)}{_PARTIAL}")
    try:
        mode = _make(partial)
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        yield partial
        partial.chmod(mode)  # libraries that write files of their own make 0600
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(partial)):
            error.filename = str(path)  # a full disk names none
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """See that the names in a folder are there after a power cut, where the system can do that.

    By now the new file is in place, so a failure here is none of the writer's: who is told that
    nothing was written does it again.
    """
    if os.name != "posix":  # Windows opens no folders
        return
    with suppress(OSError):  # also where one may write to a folder, and not read it
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _within_bounds(name: str) -> str:
    """Return a file's name, or one in its place that leaves room: file systems take 255 bytes."""
    encoded = os.fsencode(name)
    if len(encoded) <= _MOST_NAME_BYTES:
        return name
    return hashlib.sha256(encoded).hexdigest()


def _make(path: Path) -> int:
    """Make a file that is not there yet; return the permissions that it got.

    So they need not be computed: the umask can only be read by setting it, for all threads.
    """
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # follows no link either
    try:
        return stat.S_IMODE(os.fstat(made).st_mode)
    finally:
        os.close(made)


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a file; text as UTF-8, line ends as they are.

    Raises:
        OSError: the folder cannot be written to; the file that was there before is untouched.
    """
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def remove_partial_files(folder: Path, name: str = "") -> None:
    """Remove what processes that were killed while writing have left in a folder.

    Args:
        folder: one in which nobody else writes these files.
        name: of the file that was to be written; without one, any.
    """
    pattern = f".{glob.escape(_within_bounds(name))}.*{_PARTIAL}" if name else f".*{_PARTIAL}"
    for partial in folder.glob(pattern):
        partial.unlink(missing_ok=True)
