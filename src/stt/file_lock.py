"""Lock files, which one process at a time can hold.

The system releases the lock when the process ends, however it ends. The file names the process that
holds it, for messages.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_LARGEST_OWNER_BYTES = 4096
# On Windows other processes cannot read a locked byte, so it is one beyond the text.
_LOCKED_BYTE = 1 << 20


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock: its process ID and the name of its machine."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class TakenError(Exception):
    """Another process holds the lock.

    Attributes:
        owner: process that holds the lock; None if unknown.
    """

    def __init__(self, owner: Owner | None) -> None:
        super().__init__(f"taken by {owner}")
        self.owner = owner


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold a lock file within the context; it is created, and removed afterwards.

    Raises:
        TakenError: another process holds the lock.
        OSError: the file cannot be created.
    """
    file = _open_locked(path)
    try:
        _name_owner(file)
        yield
    finally:
        try:
            with suppress(OSError):  # Windows cannot remove an open file
                path.unlink(missing_ok=True)
        finally:
            os.close(file)


def _open_locked(path: Path) -> int:
    """Return the descriptor of a lock file, locked."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(file, path)
            if _is_at(file, path):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # the previous owner has removed the file meanwhile


def _lock(file: int, path: Path) -> None:
    try:
        _ask_system(file)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            _log.warning(
                "%s is on a disk without file locks (%s); make sure that only one process writes "
                "there at a time",
                path.parent, error.strerror or error,
            )  # fmt: skip
            return
        raise TakenError(_read_owner(path)) from None


def _ask_system(file: int) -> None:
    """Lock a file; raise OSError if that is not possible."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    os.lseek(file, 0, os.SEEK_SET)


def _name_owner(file: int) -> None:
    """Write the owner into the lock file; errors such as a full disk are ignored."""
    owner = {"pid": os.getpid(), "host": socket.gethostname()}
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.write(file, json.dumps(owner).encode())


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _read_owner(path: Path) -> Owner | None:
    try:
        owner = json.loads(path.read_bytes()[:_LARGEST_OWNER_BYTES])
        return Owner(int(owner["pid"]), str(owner["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
