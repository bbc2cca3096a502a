"""Files that are either there in full or not at all, whenever the process is killed."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PARTIAL = ".partial"
_MOST_NAME_BYTES = 200


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; afterwards that file takes the place of `path`.

    Missing parent folders are made. On an error the old file stays and the new one is removed.

    Raises:
        OSError: the folder cannot be written to, or the disk is full; it names the file.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{_within_bounds(target.name)}.{os.getpid()}{_PARTIAL}")
    try:
        mode = _mode_of_new(partial)
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


def _within_bounds(name: str) -> str:
    """Return a file's name, or one in its place that leaves room: file systems take 255 bytes."""
    encoded = os.fsencode(name)
    if len(encoded) <= _MOST_NAME_BYTES:
        return name
    return hashlib.sha256(encoded).hexdigest()


def _mode_of_new(path: Path) -> int:
    """Return the permissions that a new file gets.

    By making one: the umask can only be read by setting it, for all threads of the process.
    """
    path.unlink(missing_ok=True)
    path.touch(exist_ok=False)
    mode = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    return mode


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
