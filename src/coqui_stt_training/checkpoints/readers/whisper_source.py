"""A Whisper encoder under the names of others, wherever its tensors lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stt.counted import counted

from ...errors import CheckpointError
from ...models.whisper import openai_names
from ..source import SourceModel
from .huggingface import check_encoder

QUANTISED = (
    "Its weights are quantised; the model it was made from is the better source, where there is "
    "one."
)


def whisper_source(
    format_name: str,
    path: Path,
    dimensions: Mapping[str, Any],
    names: Iterable[str],
    read: Callable[[str], NDArray[np.float32]],
    theirs: ModuleType = openai_names,
) -> SourceModel:
    """Return the encoder of a model that OpenAI's dimensions describe.

    Args:
        format_name: of the file.
        path: the file.
        dimensions: of the model, by OpenAI's names.
        names: of all the file's tensors.
        read: returns one of them.
        theirs: knows whose names they are.

    Raises:
        CheckpointError: dimensions that are not built here, or tensors missing, unknown or
            misshapen; all of them are named.
    """
    try:
        specification = openai_names.specification_of(dimensions)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    ours, surplus, left_out = {}, [], 0
    for name in names:
        if found := theirs.our_name(name, specification):
            ours[name] = found
        elif theirs.is_ignored(name):
            left_out += 1
        else:
            surplus.append(name)
    tensors = openai_names.convert({mine: read(name) for name, mine in ours.items()})
    check_encoder(path, specification, tensors, surplus)
    note = f"{counted(left_out, 'tensor')} of other parts of the model are left out."
    return SourceModel(
        format=format_name,
        path=path,
        specification=specification,
        tensors=tensors,
        features=specification.front_end,
        notes=(note,) if left_out else (),
        details={"size_bytes": path.stat().st_size},
    )
