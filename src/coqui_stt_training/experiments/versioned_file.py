"""JSON files of a command's progress: replaced whole, and read with their version."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from stt.atomic_file import remove_partial_files, write_atomically

from ..checkpoints.state_file import read_small_file
from ..errors import CheckpointError

Parsed = TypeVar("Parsed")


def write_versioned(path: Path, version: int, content: Mapping[str, Any]) -> None:
    """Replace a file.

    Args:
        path: the file, in a folder that is there.
        version: of what it holds.
        content: JSON values.

    Raises:
        OSError: it cannot be written; what was there is untouched.
    """
    remove_partial_files(path.parent, path.name)
    text = json.dumps({"version": version, **content}, ensure_ascii=False, indent=1)
    write_atomically(path, text + "\n")


def read_versioned(
    path: Path, version: int, parse: Callable[[Mapping[str, Any]], Parsed]
) -> Parsed | None:
    """Return what a file of the `--out` folder holds; None where there is none.

    Args:
        path: the file.
        version: that it must have.
        parse: makes something of its content.

    Raises:
        CheckpointError: it is damaged, or of a later release.
    """
    if not path.exists():
        return None
    try:
        content = json.loads(read_small_file(path))
        if content["version"] != version:
            raise ValueError(f"its version is {content['version']}, not {version}")
        return parse(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is damaged ({' '.join(str(error).split())}); choose another --out, or remove "
            "the file and everything beside it"
        ) from None
