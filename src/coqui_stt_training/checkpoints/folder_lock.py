"""A lock on a folder, so that only one run at a time writes checkpoints there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from stt.file_lock import Owner, TakenError, holding

from ..errors import CheckpointError
from .run_record import read_record

LOCK = ".lock"
_FLAG = "--save_checkpoint_dir"


@contextmanager
def locked(folder: Path, flag: str = _FLAG) -> Iterator[None]:
    """Hold the lock of a folder.

    The folder is made if it is missing, and removed at the end if it is still empty.

    Args:
        folder: the folder.
        flag: flag that names it, for messages.

    Raises:
        CheckpointError: another process has the lock, or the folder cannot be written to.
    """
    with ExitStack() as stack:
        missing = [one for one in (folder, *folder.parents) if not one.exists()]
        stack.callback(_remove_empty, missing)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(holding(folder / LOCK))
        except TakenError as error:
            raise _taken(folder, error.owner, flag) from None
        except OSError as error:
            raise CheckpointError(
                f"{folder} cannot be written to ({error.strerror or error}); name another folder "
                f"with {flag}"
            ) from None
        yield


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, each within the next, up to the first that is not empty."""
    with suppress(OSError):
        for folder in folders:
            if any(folder.iterdir()):
                return
            folder.rmdir()


def check_still_new(folder: Path) -> None:
    """Check that no run has begun in a folder since this command found it missing.

    Raises:
        CheckpointError: a run has begun.
    """
    if read_record(folder) is not None:
        raise CheckpointError(
            f"another run has begun in {folder} at the same time; name another folder with "
            f"{_FLAG}, or run the command again"
        )


def _taken(folder: Path, owner: Owner | None, flag: str) -> CheckpointError:
    if owner is None:
        return CheckpointError(
            f"{folder} is in use by another run; wait for its end, or name another folder with "
            f"{flag}"
        )
    return CheckpointError(
        f"{folder} is in use by another run, {owner}; wait for its "
        f"end, stop it (kill {owner.pid}), or name another folder with {flag}"
    )
