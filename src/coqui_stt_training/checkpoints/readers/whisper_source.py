"""A Whisper encoder under the names of others, wherever its tensors lie."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import CheckpointError
from ...models.whisper import openai_names
from ..source import SourceModel
from .encoder_tensors import encoder_source, sort_names

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
    known = sort_names(names, lambda name: theirs.our_name(name, specification), theirs.is_ignored)
    tensors = openai_names.convert({mine: read(name) for name, mine in known.ours.items()})
    return encoder_source(
        format_name,
        path,
        specification,
        tensors,
        known,
        details={"size_bytes": path.stat().st_size},
    )
