"""The tensors of a foreign encoder: which of them are ours, and whether all are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coqui_stt_ctcdecoder.alphabet import Alphabet
from stt.counted import counted, some_of

from ...errors import CheckpointError
from ...models.encoder import OUTPUT, EncoderSpecification
from ...models.specification import layer_of
from ..source import SourceModel

OUTPUT_LAYER = (f"{OUTPUT}.weight", f"{OUTPUT}.bias")  # of what is read here
WRITES_PIECES = "Its output layer is left out: it writes pieces of words, not characters."
_LISTED = 6


@dataclass(frozen=True)
class SortedNames:
    """What the tensors of a file are.

    Attributes:
        ours: our name of each that belongs to the encoder.
        surplus: those of which nothing is known.
        left_out: how many belong to other parts of the model.
    """

    ours: Mapping[str, str]
    surplus: tuple[str, ...]
    left_out: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know, a sentence each."""
        if not self.left_out:
            return ()
        verb = "is" if self.left_out == 1 else "are"
        return (f"{counted(self.left_out, 'tensor')} of other parts of the model {verb} left out.",)


def sort_names(
    stored: Iterable[str],
    our_name: Callable[[str], str | None],
    is_ignored: Callable[[str], bool],
) -> SortedNames:
    """Tell what tensors are by their names.

    Args:
        stored: names of all tensors of a file.
        our_name: returns what we call one; None: it does not belong to the encoder.
        is_ignored: says whether one belongs to another part of the model.
    """
    ours, surplus, left_out = {}, [], 0
    for name in stored:
        if found := our_name(name):
            ours[name] = found
        elif is_ignored(name):
            left_out += 1
        else:
            surplus.append(name)
    return SortedNames(ours, tuple(surplus), left_out)


def output_rows(path: Path, tensors: Mapping[str, NDArray[np.float32]]) -> int:
    """Return the number of rows of an output layer.

    Args:
        path: the file, for messages.
        tensors: the weight, the bias, or both, and any others.

    Raises:
        CheckpointError: the weight and the bias have different numbers of rows, or none.
    """
    shapes = {name: tensors[name].shape for name in OUTPUT_LAYER if name in tensors}
    counts = {shape[:1] for shape in shapes.values()}
    if len(counts) != 1 or () in counts:
        found = " and ".join(f"{name} is {list(shape)}" for name, shape in shapes.items())
        raise CheckpointError(
            f"{path}: {found}; an output layer has a row of weights and a bias for each class, so "
            "the file is damaged, copy or download it again"
        )
    rows: int = counts.pop()[0]
    return rows


def order_output(tensors: dict[str, NDArray[np.float32]], rows: NDArray[np.int64]) -> None:
    """Let some rows of an output layer, in this order, take its place among the tensors."""
    for name in OUTPUT_LAYER:
        if name in tensors:
            tensors[name] = np.ascontiguousarray(tensors[name][rows])


def leave_out_output(parts: dict[str, Any]) -> bool:
    """Remove what is of an output layer; say whether there was anything."""
    taken = [parts.pop(name) for name in OUTPUT_LAYER if name in parts]
    return bool(taken)


def encoder_source(
    format_name: str,
    path: Path,
    specification: EncoderSpecification,
    tensors: Mapping[str, NDArray[np.float32]],
    known: SortedNames,
    *,
    alphabet: Alphabet | None = None,
    notes: Iterable[str] = (),
    details: Mapping[str, Any],
) -> SourceModel:
    """Return an encoder as what can be started from, if it is whole.

    Args:
        format_name: of its file.
        path: the file, or the folder.
        specification: of the encoder, and of its head where it has one.
        tensors: by our names.
        known: what the file's tensors are.
        alphabet: of its output layer.
        notes: what is to be said before what `known` says.
        details: further facts, JSON values.

    Raises:
        CheckpointError: tensors are missing, unknown or misshapen; all of them are named.
    """
    _check_encoder(path, specification, tensors, known.surplus)
    return SourceModel(
        format=format_name,
        path=path,
        specification=specification,
        tensors=tensors,
        alphabet=alphabet,
        features=specification.front_end,
        notes=(*notes, *known.notes),
        details=details,
    )


def _check_encoder(
    path: Path,
    specification: EncoderSpecification,
    tensors: Mapping[str, NDArray[np.float32]],
    surplus: Iterable[str],
) -> None:
    """Check that an encoder is whole: all its tensors, of the right shapes, and no others.

    Raises:
        CheckpointError: it is not; says everything that is wrong.
    """
    shapes = specification.tensor_shapes()
    layers = {layer_of(name) for name in tensors}
    expected = specification.encoder_shapes() | {
        name: shape for name, shape in shapes.items() if layer_of(name) in layers
    }
    missing = [name for name in expected if name not in tensors]
    if len(missing) == len(expected):
        raise CheckpointError(
            f"{path}: holds nothing of a {specification.architecture} encoder; it may be another "
            "part of such a model, a decoder alone for instance"
        )
    problems = [f"{name_some(missing)} missing"] if missing else []
    problems += [
        f"{name} is {list(tensors[name].shape)} instead of {list(shape)}"
        for name, shape in expected.items()
        if name in tensors and tensors[name].shape != shape
    ][:_LISTED]
    unknown = [*surplus, *(name for name in tensors if name not in shapes)]
    problems += [f"{name_some(unknown)} unknown"] if unknown else []
    if problems:
        raise CheckpointError(
            f"{path}: not a whole {specification.architecture} encoder: {'; '.join(problems)}"
        )


def name_some(names: list[str]) -> str:
    """Name a few, and say `is` or `are`."""
    return f"{some_of(names, _LISTED)} {'is' if len(names) == 1 else 'are'}"
