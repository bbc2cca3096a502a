"""Matches the tensors of a foreign encoder with ours, and checks that none is missing."""

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

OUTPUT_LAYER = (f"{OUTPUT}.weight", f"{OUTPUT}.bias")
WRITES_PIECES = "Its output layer is left out: it writes pieces of words, not characters."
_LISTED = 6


@dataclass(frozen=True)
class SortedNames:
    """The names of a file's tensors, by the part of the model that they belong to.

    Attributes:
        ours: our name of each tensor of the encoder and its CTC head.
        surplus: names of unknown tensors.
        left_out: number of tensors of other parts of the model.
    """

    ours: Mapping[str, str]
    surplus: tuple[str, ...]
    left_out: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user, each a sentence."""
        if not self.left_out:
            return ()
        verb = "is" if self.left_out == 1 else "are"
        return (f"{counted(self.left_out, 'tensor')} of other parts of the model {verb} left out.",)


def sort_names(
    stored: Iterable[str],
    our_name: Callable[[str], str | None],
    is_ignored: Callable[[str], bool],
) -> SortedNames:
    """Sort the tensors of a file by the part of the model that they belong to.

    Args:
        stored: names of all tensors of the file.
        our_name: returns our name of a tensor, or None if it does not belong to the encoder.
        is_ignored: says whether a tensor belongs to another part of the model.
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
    """Replace the output layer by some of its rows, in the given order, in place."""
    for name in OUTPUT_LAYER:
        if name in tensors:
            tensors[name] = np.ascontiguousarray(tensors[name][rows])


def leave_out_output(parts: dict[str, Any]) -> bool:
    """Remove the output layer, in place; say whether there was one."""
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
    """Return an encoder as a source model, after checking that it is complete.

    Args:
        format_name: name of its format.
        path: the file, or the folder.
        specification: specification of the encoder, and of its head if it has one.
        tensors: tensors by our names.
        known: names of the file's tensors.
        alphabet: alphabet of the output layer.
        notes: notes that come before those of `known`.
        details: further facts, JSON values.

    Raises:
        CheckpointError: tensors are missing, unknown, or have wrong shapes; the message names them.
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
    """Check that an encoder has all its tensors, in the right shapes, and no others.

    Raises:
        CheckpointError: it does not; the message lists the problems.
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
    """Return the first few names, followed by `is` or `are`."""
    return f"{some_of(names, _LISTED)} {'is' if len(names) == 1 else 'are'}"
