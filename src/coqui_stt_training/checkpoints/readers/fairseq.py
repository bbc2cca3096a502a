"""Reads `.pt` checkpoints of fairseq: wav2vec 2.0, XLS-R, HuBERT, data2vec-audio; also WavLM.

Settings are dicts, or objects of argparse and OmegaConf. Such objects are never created: only their
description in the pickle is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted

from ...errors import CheckpointError
from ...models.wav2vec2 import fairseq_names, names
from ..source import SourceModel
from ..state_file import read_small_file
from .ctc_vocabulary import alphabet_of_rows
from .encoder_tensors import (
    OUTPUT_LAYER,
    encoder_source,
    leave_out_output,
    order_output,
    output_rows,
    sort_names,
)
from .torch_file import TorchFile
from .torch_pickle import Described

_TENSORS, _SETTINGS, _ARGUMENTS = "model", "cfg", "args"
_DICTIONARIES = ("dict.ltr.txt", "dict.txt")
# Rows of the output layer before those of the dictionary; the first of them, <s>, is the blank.
_BEFORE = 4
_SEPARATOR = "|"
_DEEPEST = 6  # objects within each other around one value


def is_fairseq(value: Any) -> bool:
    """Say whether the content of a PyTorch file is a checkpoint of fairseq."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get(_TENSORS), Mapping)
        and any(value.get(name) is not None for name in (_SETTINGS, _ARGUMENTS))
    )


def load_fairseq(file: TorchFile) -> SourceModel:
    """Read an encoder, and its output layer if it was fine-tuned with CTC on characters.

    Args:
        file: a checkpoint; its characters are in `dict.ltr.txt` in the same folder.

    Raises:
        CheckpointError: the file is of another model, or tensors are missing or have wrong shapes;
            the message names them.
    """
    path = file.path
    settings, normalize = _settings(file.value)
    try:
        specification = fairseq_names.specification_of(settings, normalize)
    except ValueError as error:
        raise CheckpointError(f"{path}: in its settings, {error}") from None
    stored = file.tensors(file.value[_TENSORS])
    known = sort_names(
        stored, lambda name: fairseq_names.our_name(name, specification), fairseq_names.is_ignored
    )
    notes = []
    tensors = {mine: file.read(name, stored[name]) for name, mine in known.ours.items()}
    try:
        tensors = names.convert(tensors, specification)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    alphabet = _alphabet(path, tensors) if set(OUTPUT_LAYER) <= tensors.keys() else None
    if alphabet is not None:
        specification = specification.with_classes(alphabet.size + 1)
    elif leave_out_output(tensors):
        notes.append(
            f"Its output layer is left out: no {_DICTIONARIES[0]} beside it says which characters "
            "it writes."
        )
    return encoder_source(
        "fairseq",
        path,
        specification,
        tensors,
        known,
        alphabet=alphabet,
        notes=notes,
        details={"size_bytes": path.stat().st_size},
    )


def _settings(value: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return the settings of the pre-trained model, and whether it takes normalised audio."""
    model, normalize = _model_of(_members(value.get(_SETTINGS)) or _members(value.get(_ARGUMENTS)))
    if inner := _members(model.get("w2v_args")):  # of the model that this one was fine-tuned from
        model, before = _model_of(inner)
        normalize = before if normalize is None else normalize
    return model, normalize is True


def _model_of(settings: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool | None]:
    """Return the model's part of the settings of a run, and whether it takes normalised audio."""
    model = _members(settings.get("model")) or settings  # older checkpoints have one flat group
    task = _members(settings.get("task")) or settings
    said = (part.get("normalize") for part in (model, task))  # one may refer to the other
    return model, next((value for value in said if isinstance(value, bool)), None)


def _members(value: Any) -> Mapping[str, Any]:
    """Return the members of a group of settings by name; of anything else, none.

    Groups within it stay as they are: a hostile file can nest them so that all together are more
    than fit in memory.
    """
    group = _content(value)
    if not isinstance(group, Mapping):
        return {}
    return {name: _content(member) for name, member in group.items() if isinstance(name, str)}


def _content(value: Any) -> Any:
    """Return what an object of argparse or a node of OmegaConf holds; other values as they are."""
    for _ in range(_DEEPEST):
        if not isinstance(value, Described):
            return value
        state = value.state if isinstance(value.state, Mapping) else {}
        value = state["_val"] if "_val" in state else state.get("_content", state)
    return None


def _alphabet(path: Path, tensors: dict[str, NDArray[np.float32]]) -> Alphabet | None:
    """Return the alphabet of the output layer, or None if there is no dictionary.

    The rows of the output layer are put in the order of our classes, in place.

    Raises:
        CheckpointError: the dictionary does not fit the output layer, or that is damaged.
    """
    found = [path.parent / name for name in _DICTIONARIES if (path.parent / name).is_file()]
    if not found:
        return None
    try:
        lines = read_small_file(found[0]).decode("utf-8").splitlines()
    except UnicodeDecodeError:
        raise CheckpointError(f"{found[0]}: is no UTF-8 text") from None
    symbols = [line.split(" ")[0] for line in lines if line.strip()]
    rows = output_rows(path, tensors)
    if len(symbols) + _BEFORE != rows:
        raise CheckpointError(
            f"{found[0]}: has {counted(len(symbols), 'symbol')}, and {_BEFORE} before them, for "
            f"the {rows} rows of the output layer; give the dictionary that the model was trained "
            "with"
        )
    kept = [n for n, symbol in enumerate(symbols) if not symbol.startswith("madeupword")]
    labels = [" " if symbols[n] == _SEPARATOR else symbols[n] for n in kept]
    alphabet, rows_of_labels = alphabet_of_rows(found[0], labels, [n + _BEFORE for n in kept])
    order_output(tensors, np.array([*rows_of_labels, 0]))
    return alphabet
