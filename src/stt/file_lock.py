"""A lock that a file carries, held by this process: one at a time may have it.

The system holds the lock for the process and lets it go when the process ends, however it ends. The
file says who has it, for people.
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
# On Windows a locked byte cannot be read by others, so it is one beyond the text.
_LOCKED_BYTE = 1 << 20


@dataclass(frozen=True)
class Owner:
    """A process that has a lock: its number, and the name of its machine."""

    pid: int
    host: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class TakenError(Exception):
    """Another process has the lock.

    Attributes:
        owner: who; None where the file does not say.
    """

    def __init__(self, owner: Owner | None) -> None:
        super().__init__(f"taken by {owner}")
        self.owner = owner


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Hold the lock that a file carries; the file is made, and removed afterwards.

    Raises:
        TakenError: another process has it.
        OSError: the file cannot be written.
    """
    file = _open_locked(path)
    try:
        _name_owner(file)
        yield
    finally:
        try:
            with suppress(OSError):  # Windows removes no open file
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
        os.close(file)  # whoever had it has removed it meanwhile


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
    """Lock a file, or raise OSError."""
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    import msvcrt

    os.lseek(file, _LOCKED_BYTE, os.SEEK_SET)
    msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
    os.lseek(file, 0, os.SEEK_SET)


def _name_owner(file: int) -> None:
    """Say in the lock file whose it is; a full disk is no reason not to have it."""
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
