"""Makes a source model of a Whisper encoder that has foreign names."""

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
    """Return the encoder of a Whisper model as a source model.

    Args:
        format_name: name of the format.
        path: the file.
        dimensions: dimensions of the model, by OpenAI's names.
        names: names of all tensors of the file.
        read: reads the tensor of a name.
        theirs: module with the names of the tensors.

    Raises:
        CheckpointError: the dimensions are not supported, or tensors are missing, unknown, or have
            wrong shapes; the message names them.
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
