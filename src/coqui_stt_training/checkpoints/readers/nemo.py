"""Reads Conformers from NVIDIA NeMo's `.nemo` files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coqui_stt_ctcdecoder.alphabet import Alphabet
from coqui_stt_ctcdecoder.errors import AlphabetError

from ...errors import CheckpointError
from ...models.conformer import names
from ..source import SourceModel
from .encoder_tensors import (
    OUTPUT_LAYER,
    WRITES_PIECES,
    encoder_source,
    leave_out_output,
    sort_names,
)
from .nemo_file import CONFIG, WEIGHTS, read_config, read_nemo
from .torch_file import TorchFile


def load_nemo(path: Path) -> SourceModel:
    """Read a Conformer, and its output layer if the classes of that are characters.

    Args:
        path: an uncompressed `.nemo`, or the folder of an unpacked one.

    Raises:
        CheckpointError: the file is cut off, damaged, has code in it, or is of another model, or
            tensors are missing or have wrong shapes; the message names them.
    """
    members = read_nemo(path)
    config = read_config(path, bytes(members[CONFIG]))
    file = TorchFile(path, members[WEIGHTS])
    try:
        specification = names.specification_of_nemo(config)
    except ValueError as error:
        raise CheckpointError(f"{path}: in its {CONFIG}, {error}") from None
    stored = file.tensors(file.value)
    known = sort_names(stored, lambda name: names.our_name(name, specification), names.is_ignored)
    notes = []
    tensors = {mine: file.read(name, stored[name]) for name, mine in known.ours.items()}
    alphabet = _alphabet(config) if set(OUTPUT_LAYER) <= tensors.keys() else None
    if alphabet is not None:
        specification = specification.with_classes(alphabet.size + 1)
    elif leave_out_output(tensors):
        notes.append(WRITES_PIECES)
    tensors = names.convert(tensors, specification)
    return encoder_source(
        "nemo",
        path,
        specification,
        tensors,
        known,
        alphabet=alphabet,
        notes=notes,
        details={"size_bytes": sum(map(len, members.values()))},
    )


def _alphabet(config: Mapping[str, Any]) -> Alphabet | None:
    """Return the alphabet of the model, or None if its classes are not characters."""
    decoder = config.get("decoder")
    labels = decoder.get("vocabulary") if isinstance(decoder, Mapping) else None
    if "tokenizer" in config or not isinstance(labels, list):
        return None
    if not all(isinstance(label, str) and len(label) == 1 for label in labels):
        return None
    try:
        return Alphabet.from_labels(labels)
    except AlphabetError:
        return None
