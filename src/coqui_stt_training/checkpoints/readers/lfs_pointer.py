"""Detects Git LFS pointers: a few lines of text instead of a file that was not fetched."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ...errors import CheckpointError

_BEGINNING = b"version https://git-lfs"


def refuse_pointers(files: Iterable[Path]) -> None:
    """Check that files are not Git LFS pointers.

    Raises:
        CheckpointError: some are; the message names all of them.
    """
    absent = [file for file in files if file.is_file() and _is_pointer(file)]
    if absent:
        names = ", ".join(map(str, absent))
        raise CheckpointError(
            f"{names}: only {'stands' if len(absent) == 1 else 'stand'} for a file that was not "
            "fetched (Git LFS); run git lfs pull there, or download the file from the model's page"
        )


def _is_pointer(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False  # the reader of the file reports the error
