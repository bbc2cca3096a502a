"""Load a source model of another program's format."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import CheckpointError
from .recognise import Format, recognise
from .source import SourceModel
from .tensorflow import load_tensorflow
from .tensorflow_directory import Which
from .tflite import load_tflite


def load_foreign(path: str | Path, which: Which = "auto", *, optimizer: bool = True) -> SourceModel:
    """Load a TensorFlow 1 checkpoint or an exported TFLite model.

    Args:
        path: a checkpoint directory, a checkpoint's prefix, or a `.tflite` file.
        which: of a checkpoint directory: `best` on the validation set, `last`, or `auto` for the
            best or else the last (`--load_train`). A named checkpoint or file is what it is.
        optimizer: whether to read Adam's moments, too, where there are any.

    Raises:
        CheckpointError: nothing there, damaged, or of a format that is not read.
    """
    found = recognise(Path(path), which)
    if found.format is Format.NATIVE:
        raise CheckpointError(f"{found.path} is a checkpoint of this program, not of another one")
    if found.format is Format.TFLITE:
        return load_tflite(found.path)
    source = load_tensorflow(found.path, optimizer=optimizer)
    return replace(source, details={"checkpoint": found.chosen, **source.details})
