"""JSON files with a version number, for the progress of a command."""

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
    """Write or replace a file.

    Args:
        path: path of the file, in an existing folder.
        version: version of the format.
        content: JSON values.

    Raises:
        OSError: the file cannot be written; an existing one is unchanged.
    """
    remove_partial_files(path.parent, path.name)
    text = json.dumps({"version": version, **content}, ensure_ascii=False, indent=1)
    write_atomically(path, text + "\n")


def read_versioned(
    path: Path, version: int, parse: Callable[[Mapping[str, Any]], Parsed]
) -> Parsed | None:
    """Read a file in the `--out` folder; return None if there is none.

    Args:
        path: path of the file.
        version: expected version of the format.
        parse: converts the JSON values.

    Raises:
        CheckpointError: the file is damaged, or of a later release.
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
