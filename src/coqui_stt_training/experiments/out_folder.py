"""The folder that a command of several trainings writes to."""

from __future__ import annotations

from pathlib import Path

from stt.output_path import check_output_folder

from ..errors import FlagError


def check_out_folder(out: str, record: str, what: str) -> None:
    """See that a command can write to its folder, and that it is new or the command's own.

    Args:
        out: the folder.
        record: file in it that says whose it is.
        what: the command makes there, for the error.

    Raises:
        FlagError: it cannot, or the folder holds something else.
    """
    check_output_folder("--out", out)
    folder = Path(out)
    others = folder.is_dir() and any(path.name[0] != "." for path in folder.iterdir())
    if others and not (folder / record).is_file():
        raise FlagError(f"--out {out}: holds something else than {what}; name a new folder")
