"""Writes files atomically: a process that is killed leaves either a complete file or none."""

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
    """Yield an empty temporary file in the folder of `path`; at the end it replaces `path`.

    Missing parent folders are created. On an error the old file stays, and the temporary file is
    removed. Once this returns, the file survives a power failure.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; names `path`.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The random name cannot be guessed, so nobody can put a link there in a folder that all may
    # write to. Threads that write the same file do not share a temporary one either.
    partial = target.with_name(f".{_within_bounds(target.name)}.{secrets.token_hex(8)}{_PARTIAL}")
    try:
        mode = _make(partial)
    except OSError as error:
        error.filename = str(path)
        raise
    try:
        yield partial
        partial.chmod(mode)  # some libraries replace the file by one with mode 0600
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(partial)):
            error.filename = str(path)  # the error for a full disk names no file
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power failure, if the system supports it.

    Errors are ignored, since the new file is already in place; a caller would write it again.
    """
    if os.name != "posix":  # Windows cannot open folders
        return
    with suppress(OSError):  # for instance if the folder is writable but not readable
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _within_bounds(name: str) -> str:
    """Return a file name, hashed if it is too long for a suffix; file systems allow 255 bytes."""
    encoded = os.fsencode(name)
    if len(encoded) <= _MOST_NAME_BYTES:
        return name
    return hashlib.sha256(encoded).hexdigest()


def _make(path: Path) -> int:
    """Create a new file; return the permissions that the system gave it.

    They are not computed, because the umask can only be read by setting it for all threads.
    """
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)  # O_EXCL follows no link
    try:
        return stat.S_IMODE(os.fstat(made).st_mode)
    finally:
        os.close(made)


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write a file atomically; text is UTF-8, and its line ends are not changed.

    Raises:
        OSError: the file cannot be written; an existing file is not changed.
    """
    with replacing(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def remove_partial_files(folder: Path, name: str = "") -> None:
    """Remove temporary files left by processes that were killed while writing.

    Args:
        folder: folder to clean; no other process may be writing these files.
        name: name of the file that was to be written; empty for any file.
    """
    pattern = f".{glob.escape(_within_bounds(name))}.*{_PARTIAL}" if name else f".*{_PARTIAL}"
    for partial in folder.glob(pattern):
        partial.unlink(missing_ok=True)
