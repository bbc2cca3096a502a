"""Opens files that users name, only if they are regular files.

A pipe may never deliver, and `/dev/zero` never ends. A file that is read whole, mapped, or read
twice must be a regular file.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_regular(path: str | Path, buffering: int = -1) -> BinaryIO:
    """Open a regular file, or a link to one, for reading bytes.

    Raises:
        OSError: the file is missing, unreadable, or a folder, pipe, device or socket.
    """
    # Without O_NONBLOCK, opening a pipe without a writer would block.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    flags |= getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except ValueError:
        raise OSError(errno.EINVAL, "the name holds a NUL byte", str(path)) from None
    try:
        _check_kind(os.fstat(descriptor).st_mode, path)
        return os.fdopen(descriptor, "rb", buffering)
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(path: str | Path, most_bytes: int = 1 << 30) -> bytes:
    """Return the contents of a regular file.

    Files in `/proc` may state a size of 0, or be endless, so at most 1 MiB is read beyond that.

    Raises:
        OSError: as in `open_regular`, or the file is larger than `most_bytes`.
    """
    with open_regular(path) as file:
        limit = min(most_bytes, max(os.fstat(file.fileno()).st_size, 1 << 20))
        content = file.read(limit + 1)
    if len(content) > limit:
        reason = f"file is larger than the limit of {limit >> 20} MB"
        raise OSError(errno.EFBIG, reason, str(path))
    return content


def regular_file_size(path: str | Path) -> int:
    """Return the size of a regular file in bytes, to check a file that a library opens by name.

    Raises:
        OSError: the file is missing, or a folder, pipe, device or socket.
    """
    try:
        status = Path(path).stat()
    except ValueError:
        raise OSError(errno.EINVAL, "the name holds a NUL byte", str(path)) from None
    _check_kind(status.st_mode, path)
    return status.st_size


def _check_kind(mode: int, path: str | Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise OSError(errno.EINVAL, f"not a regular file but {kind}; give a file", str(path))
