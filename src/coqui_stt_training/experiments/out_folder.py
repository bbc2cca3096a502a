"""The output folder of a command with several trainings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stt.output_path import check_output_folder

from ..errors import FlagError


def check_out_folder(out: str, record: str, what: str) -> None:
    """Check that a command can write to its folder, and that it is new or the command's own.

    Args:
        out: path of the folder.
        record: name of the file that marks the folder as the command's own.
        what: what the command makes there, for the error message.

    Raises:
        FlagError: the folder cannot be written to, or holds something else.
    """
    check_output_folder("--out", out)
    folder = Path(out)
    others = folder.is_dir() and any(path.name[0] != "." for path in folder.iterdir())
    if others and not (folder / record).is_file():
        raise FlagError(f"--out {out}: holds something else than {what}; name a new folder")


@contextmanager
def removing_new_files(folder: Path) -> Iterator[None]:
    """Remove the files that appear in a folder meanwhile: a dry run writes nothing.

    Args:
        folder: an existing folder.
    """
    before = set(folder.iterdir())
    try:
        yield
    finally:
        for path in set(folder.iterdir()) - before:
            path.unlink()
