"""A lock on a folder: one run at a time writes checkpoints there.

The system holds the lock for the process and lets it go when the process ends, however it ends. The
file that carries it says who has it, for people.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import CheckpointError
from .run_record import read_record

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_log = logging.getLogger(__name__)
LOCK = ".lock"
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_LARGEST_OWNER_BYTES = 4096
# On Windows a locked byte cannot be read by others, so it is one beyond the text.
_LOCKED_BYTE = 1 << 20


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock; a folder that is missing is made.

    Raises:
        CheckpointError: another process has it, or the folder cannot be written to.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _open_locked(path)
    except OSError as error:
        raise CheckpointError(
            f"{folder} cannot be written to ({error.strerror or error}); name another folder with "
            "--save_checkpoint_dir"
        ) from None
    try:
        _name_owner(file)
        yield
    finally:
        try:
            with suppress(OSError):  # Windows removes no open file
                path.unlink(missing_ok=True)
        finally:
            os.close(file)


def check_still_new(folder: Path) -> None:
    """See that no run has begun in a folder that was missing when this command looked.

    Raises:
        CheckpointError: one has.
    """
    if read_record(folder) is not None:
        raise CheckpointError(
            f"another run has begun in {folder} at the same time; name another folder with "
            "--save_checkpoint_dir, or run the command again"
        )


def _open_locked(path: Path) -> int:
    """Return the descriptor of a folder's lock file, locked."""
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
                "%s is on a disk without locks (%s): see to it that no two runs use it at a time",
                path.parent, error.strerror or error,
            )  # fmt: skip
            return
        raise _taken(path) from None


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


def _taken(path: Path) -> CheckpointError:
    try:
        owner = json.loads(path.read_bytes()[:_LARGEST_OWNER_BYTES])
        pid, host = int(owner["pid"]), str(owner["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return CheckpointError(
            f"{path.parent} is in use by another run; wait for its end, or name another folder "
            "with --save_checkpoint_dir"
        )
    return CheckpointError(
        f"{path.parent} is in use by another run, process {pid} on {host}; wait for its end, stop "
        f"it (kill {pid}), or name another folder with --save_checkpoint_dir"
    )
