"""Finding and reading the model that a flag names, in whatever format it is."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ..errors import CheckpointError
from .file import SUFFIX, as_source, read_checkpoint
from .folder import CheckpointFolder, Kind
from .source import SourceModel

Which = Literal["auto", "best", "last"]


def load_source(path: str | Path, which: Which = "auto", with_adam: bool = False) -> SourceModel:
    """Read a pre-trained model.

    Args:
        path: a checkpoint folder, or one checkpoint file of any format.
        which: for a folder: its best or last checkpoint. `auto` takes the best of the newest run,
            else the last: a best checkpoint older than the newest run is another model.
        with_adam: whether to read the optimizer's state too.

    Raises:
        CheckpointError: nothing there, or nothing that can be read.
    """
    chosen = find_source(path, which)
    if chosen is None:
        wanted = {"auto": "", "best": "best ", "last": "last "}[which]
        raise CheckpointError(
            f"{path}: there is no {wanted}checkpoint; name the folder that holds the files "
            "`checkpoint` and `best_dev_checkpoint`, or one checkpoint file"
        )
    return as_source(chosen, read_checkpoint(chosen, with_adam))


def find_source(path: str | Path, which: Which = "auto") -> Path | None:
    """Return the checkpoint that `load_source` would read, or None where there is nothing."""
    location = Path(path)
    if location.suffix == SUFFIX and location.is_file():
        return location
    return _find_in_folder(CheckpointFolder(location), which)


def _find_in_folder(folder: CheckpointFolder, which: Which) -> Path | None:
    kinds: tuple[Kind, ...] = ("best", "last") if which == "auto" else (which,)
    found = [checkpoint for kind in kinds if (checkpoint := folder.newest_of_ours(kind))]
    if which == "auto" and len(found) == 2:
        run = read_checkpoint(found[1], with_adam=False).run
        if run and not run.get("best_checkpoint"):
            return found[1]
    return found[0] if found else None
