"""Checkpoints of fairseq, `.pt`: wav2vec 2.0, XLS-R, HuBERT, data2vec-audio; and WavLM's, alike.

Settings are dicts, or objects of argparse and OmegaConf, of which only the description is read.
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
# Rows of the output layer before those of the dictionary; the first, <s>, is the blank.
_BEFORE = 4
_SEPARATOR = "|"
_DEEPEST = 6


def is_fairseq(value: Any) -> bool:
    """Say whether a file of PyTorch holds what fairseq saves."""
    return (
        isinstance(value, Mapping)
        and isinstance(value.get(_TENSORS), Mapping)
        and any(value.get(name) is not None for name in (_SETTINGS, _ARGUMENTS))
    )


def load_fairseq(file: TorchFile) -> SourceModel:
    """Read an encoder, and the output layer of one that was trained to write characters.

    Args:
        file: a checkpoint; `dict.ltr.txt` beside it says which characters.

    Raises:
        CheckpointError: of another model, or with tensors missing or misshapen; all of them are
            named.
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
    """Return the settings of the pre-trained model, and whether clips were normalised."""
    model, normalize = _model_of(_members(value.get(_SETTINGS)) or _members(value.get(_ARGUMENTS)))
    if inner := _members(model.get("w2v_args")):  # of the model that this one was fine-tuned from
        model, before = _model_of(inner)
        normalize = before if normalize is None else normalize
    return model, normalize is True


def _model_of(settings: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool | None]:
    """Return the settings of a model among those of a run, and whether clips were normalised."""
    model = _members(settings.get("model")) or settings  # of old, all are in one
    task = _members(settings.get("task")) or settings
    said = (part.get("normalize") for part in (model, task))  # or a reference to the other's
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
    """Return what an output layer writes, None where nothing says so; its rows get that order.

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
