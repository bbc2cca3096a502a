"""Reads the encoder of CTranslate2 models, the format of faster-whisper."""

from __future__ import annotations

from pathlib import Path

from ...errors import CheckpointError
from ...models.whisper import ctranslate2_names as names
from ..source import SourceModel
from .ctranslate2_file import CTranslate2File
from .encoder_tensors import encoder_source, sort_names
from .whisper_source import QUANTISED

_NOT_WEIGHTS = ("_scale", "num_heads")


def load_ctranslate2(path: Path) -> SourceModel:
    """Read the encoder of a Whisper model.

    Args:
        path: the `model.bin`; the encoder needs no other file of the folder.

    Raises:
        CheckpointError: the file is cut off, damaged, or of another kind of model, or tensors are
            missing or have wrong shapes; the message names them.
    """
    file = CTranslate2File(path)
    if file.specification != names.SPECIFICATION:
        raise CheckpointError(
            f"{path}: is a {file.specification} of CTranslate2; of its kinds, "
            f"{names.SPECIFICATION} can be started from"
        )
    shapes = {name: variable.shape for name, variable in file.variables.items()}
    try:
        specification = names.specification_of(shapes, file.number(names.HEADS))
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    known = sort_names(
        (name for name in shapes if not name.endswith(_NOT_WEIGHTS)),
        lambda name: names.our_name(name, specification),
        lambda name: not name.startswith(names.PREFIX),
    )
    tensors = names.convert(
        {known.ours[name]: tensor for name, tensor in file.tensors(known.ours).items()}
    )
    types = sorted({file.variables[name].type for name in known.ours})
    notes = [QUANTISED] if any(kind.startswith("int") for kind in types) else []
    return encoder_source(
        "ctranslate2",
        path,
        specification,
        tensors,
        known,
        notes=notes,
        details={"types": ", ".join(types), "size_bytes": path.stat().st_size},
    )
